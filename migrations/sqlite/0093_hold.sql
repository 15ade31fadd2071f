-- The host that owns the part, as a process that can be told apart from every other: whoever takes over waits until that one can
-- do nothing more, unless it has given the part up (empty) or is certainly dead.
ALTER TABLE owners ADD COLUMN process TEXT NOT NULL DEFAULT '';
-- For how long after it last held the lock that host may still send closes without the journal.
ALTER TABLE owners ADD COLUMN lease_ms BIGINT NOT NULL DEFAULT 0;
