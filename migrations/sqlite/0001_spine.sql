-- The tables of one host.
--
-- Units: times are microseconds since 1970 UTC; money is millionths of the account's currency; prices are points and
-- volumes are volume steps of the symbol, whose grid stands in `symbols`; flags are 0 or 1. Words (side, kind, state ...)
-- are those of the contract. JSON is text. Ids of orders are unsigned 64 bits, kept in the same bits.
-- Column types are neutral; only `seq` keys, which number rows in order of writing, are the database's own.

-- The last id given out of each kind. Ids are never given twice: an order's name contains its engine's.
CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    last BIGINT NOT NULL
);
INSERT INTO counters (name, last) VALUES ('users', 0), ('accounts', 0), ('strategies', 0), ('engines', 0);

CREATE TABLE users (
    id BIGINT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

-- The grid on which points and steps of a symbol lie. It must not change while rows refer to it.
CREATE TABLE symbols (
    name TEXT PRIMARY KEY,
    digits BIGINT NOT NULL,
    volume_step_e8 BIGINT NOT NULL
);

CREATE TABLE accounts (
    id BIGINT PRIMARY KEY,
    owner BIGINT NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    mode TEXT NOT NULL,
    currency TEXT NOT NULL,
    currency_digits BIGINT NOT NULL,
    leverage BIGINT NOT NULL,
    deposit BIGINT NOT NULL,
    limits TEXT NOT NULL,
    trading TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (owner, name)
);

CREATE TABLE strategies (
    id BIGINT PRIMARY KEY,
    owner BIGINT NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (owner, name)
);

-- Components by the SHA-256 of their bytes: the same upload by several users is kept once.
CREATE TABLE components (
    digest TEXT PRIMARY KEY,
    size_bytes BIGINT NOT NULL,
    bytes BLOB NOT NULL
);

CREATE TABLE versions (
    strategy BIGINT NOT NULL REFERENCES strategies (id),
    digest TEXT NOT NULL REFERENCES components (digest),
    description TEXT NOT NULL,
    report TEXT NOT NULL,
    uploaded_at BIGINT NOT NULL,
    PRIMARY KEY (strategy, digest)
);
CREATE INDEX versions_of_component ON versions (digest);

CREATE TABLE engines (
    id BIGINT PRIMARY KEY,
    owner BIGINT NOT NULL REFERENCES users (id),
    account BIGINT NOT NULL REFERENCES accounts (id),
    strategy BIGINT NOT NULL,
    digest TEXT NOT NULL,
    name TEXT NOT NULL,
    params TEXT NOT NULL,
    symbols TEXT NOT NULL,
    mode TEXT NOT NULL,
    seed BIGINT NOT NULL,
    wanted TEXT NOT NULL,
    trading TEXT NOT NULL,
    state TEXT NOT NULL,
    state_reason TEXT NOT NULL,
    state_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (owner, name),
    FOREIGN KEY (strategy, digest) REFERENCES versions (strategy, digest)
);
CREATE INDEX engines_of_account ON engines (account);
CREATE INDEX engines_of_version ON engines (strategy, digest);

-- What a strategy saved, the last ticks it had seen then, and how many orders it had asked for.
CREATE TABLE engine_states (
    engine BIGINT PRIMARY KEY REFERENCES engines (id),
    digest TEXT NOT NULL,
    state_schema BIGINT NOT NULL,
    bytes BLOB NOT NULL,
    orders_asked BIGINT NOT NULL,
    last_ticks TEXT NOT NULL,
    saved_at BIGINT NOT NULL
);

-- `owner` stands here, and on deals and positions, although it follows from the account, which never changes hands: a
-- list by owner is then one walk over one index.
CREATE TABLE orders (
    seq INTEGER PRIMARY KEY,
    id BIGINT NOT NULL UNIQUE,
    owner BIGINT NOT NULL,
    account BIGINT NOT NULL REFERENCES accounts (id),
    engine BIGINT NOT NULL REFERENCES engines (id),
    -- Who owned the engine when this was recorded, for fencing; 0 on a single host.
    owner_epoch BIGINT NOT NULL,
    symbol TEXT NOT NULL REFERENCES symbols (name),
    side TEXT NOT NULL,
    kind TEXT NOT NULL,
    volume BIGINT NOT NULL,
    price BIGINT,
    stop_limit_price BIGINT,
    stop_loss BIGINT,
    take_profit BIGINT,
    filling TEXT NOT NULL,
    deviation BIGINT,
    expires_at BIGINT,
    -- The position it closes or reduces.
    position BIGINT,
    reduce_only SMALLINT NOT NULL,
    tag TEXT NOT NULL,
    state TEXT NOT NULL,
    filled BIGINT NOT NULL,
    -- The broker's number for it.
    ticket BIGINT,
    -- Why the broker rejected it; 0 when it did not.
    retcode BIGINT NOT NULL,
    placed_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    -- When it could no longer be filled.
    finished_at BIGINT
);
CREATE INDEX orders_of_owner ON orders (owner, seq);
CREATE INDEX orders_of_engine ON orders (engine, seq);
CREATE INDEX orders_working ON orders (account) WHERE finished_at IS NULL;

-- Modifications and cancels that were asked for, and what came of them: pending, done or refused.
CREATE TABLE modifications (
    seq INTEGER PRIMARY KEY,
    account BIGINT NOT NULL REFERENCES accounts (id),
    -- The order, or the order that opened the position.
    order_id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    -- modify-order, modify-position or cancel.
    kind TEXT NOT NULL,
    action TEXT NOT NULL,
    outcome TEXT NOT NULL,
    retcode BIGINT NOT NULL,
    UNIQUE (order_id, at, action)
);
CREATE INDEX modifications_pending ON modifications (order_id, seq) WHERE outcome = 'pending';

-- Deals are the ledger: an account's balance is its deposit plus profit, commission and swap of its deals.
CREATE TABLE deals (
    seq INTEGER PRIMARY KEY,
    account BIGINT NOT NULL REFERENCES accounts (id),
    -- The broker's number.
    id BIGINT NOT NULL,
    owner BIGINT NOT NULL,
    -- Whose order it was, or whose position it changed.
    engine BIGINT NOT NULL,
    order_id BIGINT,
    position BIGINT NOT NULL,
    symbol TEXT NOT NULL REFERENCES symbols (name),
    side TEXT NOT NULL,
    entry TEXT NOT NULL,
    reason TEXT NOT NULL,
    volume BIGINT NOT NULL,
    price BIGINT NOT NULL,
    profit BIGINT NOT NULL,
    commission BIGINT NOT NULL,
    swap BIGINT NOT NULL,
    at BIGINT NOT NULL,
    UNIQUE (account, id)
);
CREATE INDEX deals_of_owner ON deals (owner, seq);
CREATE INDEX deals_of_engine ON deals (engine, seq);

CREATE TABLE positions (
    seq INTEGER PRIMARY KEY,
    account BIGINT NOT NULL REFERENCES accounts (id),
    id BIGINT NOT NULL,
    owner BIGINT NOT NULL,
    engine BIGINT NOT NULL,
    symbol TEXT NOT NULL REFERENCES symbols (name),
    side TEXT NOT NULL,
    -- Open now; 0 when it is closed.
    volume BIGINT NOT NULL,
    -- Sum of price times volume over what is open, in point-steps; what it was before the last deal when it is closed.
    cost BIGINT NOT NULL,
    stop_loss BIGINT,
    take_profit BIGINT,
    realised BIGINT NOT NULL,
    commission BIGINT NOT NULL,
    swap BIGINT NOT NULL,
    tag TEXT NOT NULL,
    -- All that was ever opened and closed, with the sums of price times volume: the averages of its history.
    volume_in BIGINT NOT NULL,
    cost_in BIGINT NOT NULL,
    volume_out BIGINT NOT NULL,
    cost_out BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    closed_at BIGINT
);
-- A position that is filled again after it was closed is a new row with the same id.
CREATE UNIQUE INDEX positions_open ON positions (account, id) WHERE closed_at IS NULL;
CREATE INDEX positions_of_owner ON positions (owner, seq);
CREATE INDEX positions_of_engine ON positions (engine, seq);

-- Signals and log lines are numbered per engine without a gap, and only the last ones are kept.
CREATE TABLE signals (
    engine BIGINT NOT NULL REFERENCES engines (id),
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    symbol TEXT NOT NULL,
    -- Empty when it says to do nothing.
    side TEXT,
    confidence DOUBLE PRECISION NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (engine, number)
);

CREATE TABLE engine_logs (
    engine BIGINT NOT NULL REFERENCES engines (id),
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    level TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (engine, number)
);

-- A chain: each row's hash covers its fields and the hash of the row before.
CREATE TABLE audit (
    seq BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash TEXT NOT NULL
);
