-- Up Migration

-- The role of the audit service: it reads the log and keeps the tree over it, and can change nothing that
-- was decided. Whoever runs the stack gives it LOGIN and a password.
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'firstcome_audit') THEN CREATE ROLE firstcome_audit NOLOGIN; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- another database of the cluster was faster
END $$;

-- The log is append-only for everyone. Statement by statement, so that appending costs nothing. A superuser
-- can switch this off; what is changed then no longer fits the chain and the signed checkpoints.
CREATE FUNCTION refuse_change_of_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of table % is refused: the log is append-only', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation',
      HINT = 'Decide what should be otherwise by a new event; nothing that was decided is ever changed.';
END $$;
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_log();

-- How far the Merkle tree over a sale's log has grown. `finished`: the sale is settled and all of it is signed.
CREATE TABLE log_trees (
  sale_no   integer PRIMARY KEY REFERENCES sale_lines,
  size      bigint NOT NULL CHECK (size >= 0),
  -- Hash of the event at seq = size.
  head      bytea NOT NULL,
  finished  boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50);
CREATE INDEX log_trees_growing ON log_trees (sale_no) WHERE NOT finished;

-- The tree's nodes by tiles of 256 (C2SP tlog-tiles): level 0 holds the events' hashes, each entry above is
-- the root of a full tile below. The right-most tile of a level is partial and grows.
CREATE TABLE log_tiles (
  sale_no     integer NOT NULL REFERENCES log_trees,
  level       smallint NOT NULL CHECK (level >= 0),
  tile_index  integer NOT NULL CHECK (tile_index >= 0),
  hashes      bytea NOT NULL CHECK (length(hashes) % 32 = 0 AND length(hashes) BETWEEN 32 AND 8192),
  PRIMARY KEY (sale_no, level, tile_index)
);
-- Hashes do not compress.
ALTER TABLE log_tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;

-- What was signed. `root` is 32 bytes, `note` the whole C2SP note.
CREATE TABLE log_checkpoints (
  sale_no    integer NOT NULL REFERENCES sale_lines,
  size       bigint NOT NULL CHECK (size > 0),
  root       bytea NOT NULL CHECK (length(root) = 32),
  note       text NOT NULL,
  signed_at  timestamptz NOT NULL,
  PRIMARY KEY (sale_no, size)
);

-- Which 256 events (tile = (seq - 1) / 256) hold one of a user, of an item: whoever asks reads those and keeps
-- what is wanted, so that a sale of one item needs one row in 256 events.
CREATE TABLE log_users (
  user_ref  uuid NOT NULL,
  sale_no   integer NOT NULL,
  tile      integer NOT NULL,
  PRIMARY KEY (user_ref, sale_no, tile)
);
CREATE TABLE log_items (
  sku      text NOT NULL,
  sale_no  integer NOT NULL,
  tile     integer NOT NULL,
  PRIMARY KEY (sku, sale_no, tile)
);

-- Who read what of a person's data, and when.
CREATE TABLE audit_reads (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at          timestamptz NOT NULL DEFAULT now(),
  caller      text NOT NULL,
  action      text NOT NULL,
  subject     text NOT NULL,
  sale_id     text,
  request_id  text NOT NULL
);

GRANT SELECT ON partitions, sale_lines, sale_terms, sales, items, reservations, orders, events TO firstcome_audit;
GRANT SELECT, INSERT, UPDATE ON log_trees, log_tiles TO firstcome_audit;
GRANT SELECT, INSERT ON log_checkpoints, log_users, log_items TO firstcome_audit;
GRANT INSERT ON audit_reads TO firstcome_audit;
GRANT SELECT ON log_trees, log_tiles, log_checkpoints TO firstcome_app;

-- Down Migration

-- Forward only: restore a backup instead.
