-- Machine code of a version counts to its owner's quota; the report of its upload has said how much that is.
ALTER TABLE versions ADD COLUMN compiled_bytes BIGINT NOT NULL DEFAULT 0;
UPDATE versions SET compiled_bytes = COALESCE(CAST(CAST(report AS JSONB) ->> 'compiled_bytes' AS BIGINT), 0);
