-- What a strategy says has market time; what the host says of it has the host's.
ALTER TABLE engine_logs ADD COLUMN clock TEXT NOT NULL DEFAULT 'market';
