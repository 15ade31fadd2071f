-- What an account had lately that has ended: a late report of such an order still has its stops and note.
CREATE INDEX orders_ended ON orders (account, finished_at) WHERE finished_at IS NOT NULL;

-- What the operator has set while the host ran: `trading`, the kill switch's state, and `limits`, as JSON.
CREATE TABLE host_settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- What a user holds himself, or is held, to on all his accounts, as JSON.
CREATE TABLE user_limits (
    owner BIGINT PRIMARY KEY REFERENCES users (id),
    limits TEXT NOT NULL
);

-- What the risk gate remembers of an account, as JSON: its day, its peak, engines that wait for a person.
CREATE TABLE gate_memories (
    account BIGINT PRIMARY KEY REFERENCES accounts (id),
    memory TEXT NOT NULL
);
