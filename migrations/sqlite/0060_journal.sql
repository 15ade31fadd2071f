-- Who may write orders. Whoever takes a part over raises its epoch in the same statement, and every write of a journal asks
-- for the epoch it was opened with: one that was taken over writes nothing any more. Part 0 is everything: a single host.
CREATE TABLE owners (
    part BIGINT PRIMARY KEY,
    -- In words, for the message to whoever was taken over.
    owner TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    taken_at BIGINT NOT NULL
);
INSERT INTO owners (part, owner, epoch, taken_at) VALUES (0, '', 0, 0);

-- An account's balance after all its deals up to and with one: what follows is added to it. Missing: the deposit, before all.
CREATE TABLE balances (
    account BIGINT PRIMARY KEY REFERENCES accounts (id),
    deal_seq BIGINT NOT NULL,
    balance BIGINT NOT NULL
);
CREATE INDEX deals_of_account ON deals (account, seq);
