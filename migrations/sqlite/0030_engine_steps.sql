-- What became of an engine and why: the states it went through and the versions that took over. Numbered per engine without
-- a gap; only the last ones are kept.
CREATE TABLE engine_steps (
    engine BIGINT NOT NULL REFERENCES engines (id),
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    -- state, taken-over, confirmed, refused or rolled-back.
    kind TEXT NOT NULL,
    -- States, or digests of versions.
    from_word TEXT NOT NULL,
    to_word TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (engine, number)
);

-- Set when its owner has removed it. The row stays, for its orders, deals and positions are the account's ledger.
ALTER TABLE engines ADD COLUMN removed_at BIGINT;
