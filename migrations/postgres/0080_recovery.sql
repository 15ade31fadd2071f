-- The last night a position was charged for: a broker that says it again after a restart is not heard twice.
ALTER TABLE positions ADD COLUMN charged_until BIGINT;
-- Where the numbers of orders that the host gives by itself began when it took the account on last.
ALTER TABLE accounts ADD COLUMN hosts_orders BIGINT NOT NULL DEFAULT 0;
