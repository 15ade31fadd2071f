-- The symbol of the report's deal by name: its number is that of the host that wrote it.
ALTER TABLE set_aside ADD COLUMN symbol TEXT;
-- When it was booked after all; empty while it waits.
ALTER TABLE set_aside ADD COLUMN booked_at BIGINT;
