-- What a strategy asked for with a signal: an order, or why that was denied.
ALTER TABLE signals ADD COLUMN order_id BIGINT;
ALTER TABLE signals ADD COLUMN denied TEXT;
CREATE INDEX deals_of_order ON deals (order_id);
