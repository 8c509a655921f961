-- Up Migration

-- Which sale a user's idempotency key for orders was first used for. An order's id
-- is derived from (sale, user, key), so without it the same key could make an order
-- in each of two sales.
CREATE TABLE order_keys (
  key      uuid PRIMARY KEY,
  sale_no  integer NOT NULL
);

GRANT SELECT, INSERT ON order_keys TO firstcome_app;

-- Down Migration

-- Forward only: restore a backup instead.
