-- An engine that was told to forget its state begins anew on any market: what it saw up to this time, microseconds, holds no
-- market back any more.
ALTER TABLE engines ADD COLUMN forgotten_until BIGINT NOT NULL DEFAULT 0;
