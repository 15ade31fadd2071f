-- Reports of a broker that could not become rows, as they came: what they say is not lost, and nobody else waits for them.
-- Without references: what they name may be what is missing.
CREATE TABLE set_aside (
    seq INTEGER PRIMARY KEY,
    account BIGINT NOT NULL,
    at BIGINT NOT NULL,
    report TEXT NOT NULL,
    why TEXT NOT NULL
);
