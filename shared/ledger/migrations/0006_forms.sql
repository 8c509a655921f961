-- Up Migration

-- Ids of sales become names of files and origins of logs; seqs begin at 1. Whoever has the
-- services' rights can write rows, and must not be able to write ones that only we take for impossible.
ALTER TABLE sale_lines ADD CONSTRAINT sale_lines_sale_id_form CHECK (sale_id ~ '^[A-Za-z0-9_-]{1,64}$');
ALTER TABLE events ADD CONSTRAINT events_seq_from_one CHECK (seq > 0);

-- What a sale is called and which number it has never changes.
REVOKE UPDATE ON sale_lines FROM firstcome_app;
GRANT UPDATE (partition, active, created_at) ON sale_lines TO firstcome_app;

-- Down Migration

-- Forward only: restore a backup instead.
