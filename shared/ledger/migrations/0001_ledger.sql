-- Up Migration

-- The role the services use. Whoever runs the stack gives it LOGIN and a password.
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'firstcome_app') THEN CREATE ROLE firstcome_app NOLOGIN; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- another database of the cluster was faster
END $$;

-- Who owns a partition of the line and how far it got: the row that fences.
-- Updated by every batch, so narrow, with room for HOT updates and no index beside its key.
CREATE TABLE partitions (
  partition           integer PRIMARY KEY CHECK (partition >= 0),
  epoch               bigint NOT NULL DEFAULT 0,
  next_offset         bigint NOT NULL DEFAULT 0,
  last_at_ms          bigint NOT NULL DEFAULT 0,
  last_record_sha256  text,
  published_offset    bigint NOT NULL DEFAULT 0,
  cluster_id          text,
  owner               text,
  lease_until         timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 50);

-- Which line a sale stands in. One active sale a partition: two hot sales never share a line.
CREATE TABLE sale_lines (
  sale_no     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sale_id     text NOT NULL UNIQUE,
  partition   integer NOT NULL CHECK (partition >= 0),
  active      boolean NOT NULL DEFAULT true,
  created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX sale_lines_one_active_a_partition ON sale_lines (partition) WHERE active;

-- What was promised; never changes.
CREATE TABLE sale_terms (
  sale_no        integer PRIMARY KEY REFERENCES sale_lines,
  terms          jsonb NOT NULL,
  created_at_ms  bigint NOT NULL
);

-- How a sale stands; updated by every batch.
CREATE TABLE sales (
  sale_no      integer PRIMARY KEY REFERENCES sale_lines,
  status       text NOT NULL CHECK (status IN ('scheduled', 'open', 'paused', 'closed')),
  seq          bigint NOT NULL,
  head         bytea NOT NULL,
  last_offset  bigint NOT NULL,
  settled      boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50);

-- I1 stands here as constraints.
CREATE TABLE items (
  sale_no   integer NOT NULL REFERENCES sale_lines,
  sku       text NOT NULL,
  position  integer NOT NULL,
  total     bigint NOT NULL,
  held      bigint NOT NULL CHECK (held >= 0),
  sold      bigint NOT NULL CHECK (sold >= 0),
  PRIMARY KEY (sale_no, sku),
  CONSTRAINT items_never_oversold CHECK (held + sold <= total)
) WITH (fillfactor = 50);

CREATE TABLE reservations (
  id              uuid PRIMARY KEY,
  sale_no         integer NOT NULL,
  user_ref        uuid NOT NULL,
  status          text NOT NULL CHECK (status IN ('held', 'waitlisted', 'paying', 'confirmed', 'released', 'rejected', 'refunding', 'refunded')),
  reason          text,
  -- [{"sku","quantity"}]: granted where it was held, asked for where it was not.
  items           jsonb NOT NULL,
  not_granted     jsonb,
  allow_partial   boolean NOT NULL,
  expires_at_ms   bigint,
  extended        boolean NOT NULL DEFAULT false,
  respond_async   boolean NOT NULL,
  fingerprint     uuid NOT NULL,
  command_offset  bigint NOT NULL,
  -- Of the event that answered the request, and of the newest event about it.
  decided_seq     bigint NOT NULL,
  seq             bigint NOT NULL,
  created_at_ms   bigint NOT NULL
);
CREATE INDEX reservations_by_user ON reservations (user_ref, created_at_ms, id);
CREATE INDEX reservations_live ON reservations (sale_no) WHERE status IN ('held', 'waitlisted', 'paying');
CREATE INDEX reservations_bought ON reservations (sale_no) WHERE status = 'confirmed';

CREATE TABLE orders (
  id                 uuid PRIMARY KEY,
  sale_no            integer NOT NULL,
  reservation_id     uuid NOT NULL,
  user_ref           uuid NOT NULL,
  status             text NOT NULL CHECK (status IN ('pending', 'paid', 'failed', 'refunding', 'refunded')),
  failure_reason     text,
  -- The gateway has had its last word: nothing more can come for this order but a refund.
  payment_settled    boolean NOT NULL DEFAULT false,
  amount             bigint NOT NULL,
  currency           text NOT NULL,
  -- The gateway's token; never card data.
  payment_method_id  text NOT NULL,
  respond_async      boolean NOT NULL,
  fingerprint        uuid NOT NULL,
  command_offset     bigint NOT NULL,
  decided_seq        bigint NOT NULL,
  seq                bigint NOT NULL,
  created_at_ms      bigint NOT NULL
);
CREATE INDEX orders_by_user ON orders (user_ref, created_at_ms, id);
CREATE INDEX orders_by_reservation ON orders (reservation_id);
CREATE INDEX orders_live ON orders (sale_no) WHERE status IN ('pending', 'refunding') OR (status = 'failed' AND NOT payment_settled);

-- Keyed requests that made neither a reservation nor an order: which event answered them.
CREATE TABLE requests (
  key          uuid PRIMARY KEY,
  sale_no      integer NOT NULL,
  fingerprint  uuid NOT NULL,
  seq          bigint NOT NULL
);

-- The log, and the outbox of sale.events. Append-only for the services' role.
CREATE TABLE events (
  sale_no         integer NOT NULL,
  seq             bigint NOT NULL,
  command_offset  bigint NOT NULL,
  leaf            bytea NOT NULL,
  hash            bytea NOT NULL,
  PRIMARY KEY (sale_no, seq)
);

GRANT SELECT, INSERT, UPDATE ON partitions, sale_lines, sales, items, reservations, orders TO firstcome_app;
GRANT SELECT, INSERT ON sale_terms, requests, events TO firstcome_app;
GRANT USAGE ON SEQUENCE sale_lines_sale_no_seq TO firstcome_app;

-- Down Migration

-- Forward only: restore a backup instead.
