-- Up Migration

-- The role of the audit service. Whoever runs the stack gives it LOGIN and a password.
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'firstcome_audit') THEN CREATE ROLE firstcome_audit NOLOGIN; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- another database of the cluster was faster
END $$;

-- Whose pseudonym it is: the only place that says so. Its rows may be erased; the
-- log holds nothing but pseudonyms and still verifies (docs/decisions/0012).
-- One user can have several: a new USER_REF_SECRET makes new pseudonyms.
CREATE TABLE buyers (
  user_ref    uuid PRIMARY KEY,
  user_id     text NOT NULL,
  first_seen  timestamptz NOT NULL
);
CREATE INDEX buyers_by_user ON buyers (user_id);

-- What never reached the line. Written behind: after a connection that was lost an
-- attempt may stand here twice, and in a flood some are only counted (docs/OPERATIONS.md).
CREATE TABLE attempts (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at            timestamptz NOT NULL,
  -- null where the request names no sale, or nobody knew who asked.
  sale_id       text,
  user_ref      uuid,
  reason        text NOT NULL,
  tier          text NOT NULL CHECK (tier IN ('anonymous', 'buyer', 'operator')),
  -- First 16 bytes of an HMAC-SHA-256; the address and the device stand nowhere.
  address_hash  bytea CHECK (octet_length(address_hash) = 16),
  device_hash   bytea CHECK (octet_length(device_hash) = 16),
  request_id    text NOT NULL
);
CREATE INDEX attempts_by_time ON attempts (at, id);
CREATE INDEX attempts_by_sale ON attempts (sale_id, at, id) WHERE sale_id IS NOT NULL;
CREATE INDEX attempts_by_user ON attempts (user_ref, at, id) WHERE user_ref IS NOT NULL;

-- Who breaks into a service of the edge learns from neither who bought before.
GRANT INSERT ON buyers, attempts TO firstcome_app;
GRANT SELECT ON buyers, attempts TO firstcome_audit;

-- Down Migration

-- Forward only: restore a backup instead.
