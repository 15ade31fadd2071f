-- After which number the orders of its guest are numbered by the host that took its account on last.
ALTER TABLE engines ADD COLUMN orders_begun BIGINT NOT NULL DEFAULT 0;
