-- What two spellings of one name have in common: without case, and with one way to write each letter. Rows from before have that of
-- plain letters; of several that differ in case alone the first has it, and the others are found by their own spelling, as before.
ALTER TABLE users ADD COLUMN name_key TEXT;
UPDATE users SET name_key = lower(name)
WHERE NOT EXISTS (SELECT 1 FROM users o WHERE lower(o.name) = lower(users.name) AND o.id < users.id);
CREATE UNIQUE INDEX users_by_key ON users (name_key);

ALTER TABLE accounts ADD COLUMN name_key TEXT;
UPDATE accounts SET name_key = lower(name)
WHERE NOT EXISTS (SELECT 1 FROM accounts o WHERE o.owner = accounts.owner AND lower(o.name) = lower(accounts.name) AND o.id < accounts.id);
CREATE UNIQUE INDEX accounts_by_key ON accounts (owner, name_key);

ALTER TABLE strategies ADD COLUMN name_key TEXT;
UPDATE strategies SET name_key = lower(name)
WHERE NOT EXISTS (SELECT 1 FROM strategies o WHERE o.owner = strategies.owner AND lower(o.name) = lower(strategies.name) AND o.id < strategies.id);
CREATE UNIQUE INDEX strategies_by_key ON strategies (owner, name_key);

ALTER TABLE engines ADD COLUMN name_key TEXT;
UPDATE engines SET name_key = lower(name)
WHERE NOT EXISTS (SELECT 1 FROM engines o WHERE o.owner = engines.owner AND lower(o.name) = lower(engines.name) AND o.id < engines.id);
CREATE UNIQUE INDEX engines_by_key ON engines (owner, name_key);
