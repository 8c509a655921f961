-- Up Migration

-- One row an order that a gateway has to hear of. The payment method's token stays
-- in orders.payment_method_id and is copied nowhere.
CREATE TABLE payments (
  order_id        uuid PRIMARY KEY,
  sale_id         text NOT NULL,
  reservation_id  uuid NOT NULL,
  state           text NOT NULL CHECK (state IN ('due', 'captured', 'declined', 'manual', 'succeeded', 'failed',
                                                 'refund_due', 'refund_made', 'refund_manual', 'refunded')),
  -- When the next step may be taken; a lease while a worker takes it; null where there is no next step.
  due_at          timestamptz,
  -- Calls ever made, and tries of the present step (they begin anew when a refund is asked for or an operator says so).
  calls           integer NOT NULL DEFAULT 0,
  tries           integer NOT NULL DEFAULT 0,
  amount          bigint NOT NULL,
  currency        text NOT NULL,
  charge_id       text,
  refund_id       text,
  failure_reason  text CHECK (failure_reason IN ('declined', 'gave_up')),
  -- Why the newest try came to nothing, for the operator who looks at the manual list.
  last_outcome    text,
  request_id      text NOT NULL,
  traceparent     text,
  created_at      timestamptz NOT NULL DEFAULT now(),
  changed_at      timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT payments_end CHECK ((due_at IS NULL) = (state IN ('manual', 'refund_manual', 'succeeded', 'failed', 'refunded')))
) WITH (fillfactor = 70);
CREATE INDEX payments_due ON payments (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX payments_manual ON payments (changed_at) WHERE state IN ('manual', 'refund_manual');

-- One row a call, written before the call: one without an outcome ended with its process.
CREATE TABLE payment_attempts (
  order_id     uuid NOT NULL REFERENCES payments,
  call         integer NOT NULL,
  kind         text NOT NULL CHECK (kind IN ('charge', 'refund')),
  started_at   timestamptz NOT NULL DEFAULT now(),
  finished_at  timestamptz,
  outcome      text,
  PRIMARY KEY (order_id, call)
);

GRANT SELECT, INSERT, UPDATE ON payments, payment_attempts TO firstcome_app;

-- Down Migration

-- Forward only: restore a backup instead.
