-- A strategy's versions are numbered by their first uploads. The latest is the one uploaded last, however often it was before:
-- upload counts a strategy's uploads and says which was the last of this version.
ALTER TABLE versions ADD COLUMN number BIGINT NOT NULL DEFAULT 0;
ALTER TABLE versions ADD COLUMN upload BIGINT NOT NULL DEFAULT 0;
UPDATE versions SET number = (
    SELECT COUNT(*) FROM versions AS other
    WHERE other.strategy = versions.strategy
        AND (other.uploaded_at < versions.uploaded_at OR (other.uploaded_at = versions.uploaded_at AND other.digest <= versions.digest))
);
UPDATE versions SET upload = number;
