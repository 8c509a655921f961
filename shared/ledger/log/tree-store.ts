import type { Pool } from 'pg';
import type { SaleId, SaleNo, Sku, UserRef } from '#schemas/ids.ts';
import type { SaleStatus } from '#schemas/event.ts';
import type { ReadTile, TileId } from '#shared/proof/tiles.ts';
import type { ChangedTile } from '#shared/proof/tile-tree.ts';
import { ask } from '../ask.ts';
import { bare, texts } from '../columns.ts';
import { withLedgerFaults } from '../ledger-fault.ts';
import { tilesByKey, tilesQuery, type TileRow } from './tiles-query.ts';

/**
 * What the audit service's follower asks of the ledger: events in, tiles and
 * checkpoints out. Every function throws RetryableFault while PostgreSQL is away.
 */

/** A sale whose log has grown, or may yet. */
export interface LogStanding {
  readonly saleNo: SaleNo;
  readonly saleId: SaleId;
  readonly status: SaleStatus;
  readonly settled: boolean;
  /** Of the newest event. */
  readonly seq: number;
  /** Hash of the newest event, hex. */
  readonly head: string;
  /** How far its tree has grown; 0 where there is none yet. */
  readonly size: number;
  /** Hash of the event at `size`, hex; 64 zeros where there is none yet. */
  readonly treeHead: string;
}

export interface LogRow {
  readonly seq: number;
  readonly leaf: Buffer;
  readonly hash: Buffer;
}

/** A tree grown by a run of events, with the tiles and the index entries that changed. */
export interface Growth {
  readonly saleNo: SaleNo;
  readonly sizeBefore: number;
  readonly size: number;
  /** Hash of the event at `size`, hex. */
  readonly head: string;
  readonly tiles: readonly ChangedTile[];
  readonly users: readonly { readonly user: UserRef; readonly tile: number }[];
  readonly items: readonly { readonly sku: Sku; readonly tile: number }[];
}

export interface StoredCheckpoint {
  readonly saleNo: SaleNo;
  readonly size: number;
  readonly root: Buffer;
  readonly note: string;
  /** Milliseconds since 1970. */
  readonly signedAt: number;
}

export interface TreeStore {
  /**
   * Sales on a line of their own, those whose tree is not finished and the newest whose tree is behind. With `all`, every sale whose tree does not stand
   * where its log does: that reads all sales there ever were.
   */
  standings(all: boolean): Promise<readonly LogStanding[]>;
  /** Events behind `afterSeq` up to `throughSeq`, in order, at most `eventsMax`. */
  page(saleNo: SaleNo, afterSeq: number, throughSeq: number, eventsMax: number): Promise<readonly LogRow[]>;
  tiles(saleNo: SaleNo, ids: readonly TileId[]): Promise<ReadTile>;
  /** All of it or nothing. `elsewhere`: the tree is not of the size it was read at; another copy follows too, or someone restored the ledger. */
  grow(growth: Growth): Promise<'grown' | 'elsewhere'>;
  newestCheckpoint(saleNo: SaleNo): Promise<{ readonly size: number; readonly note: string } | null>;
  /** One that is there for that size stays. */
  keepCheckpoint(checkpoint: StoredCheckpoint): Promise<void>;
  /** Settled, and all of it is signed: the sale is not looked at again unless its log grows. */
  finish(saleNo: SaleNo, size: number): Promise<void>;
  /** Which of these sales the ledger has no events of. */
  unknownOf(saleIds: readonly SaleId[]): Promise<readonly SaleId[]>;
}

interface StandingRow {
  readonly sale_no: number;
  readonly sale_id: string;
  readonly status: SaleStatus;
  readonly settled: boolean;
  readonly seq: string;
  readonly head: string;
  readonly size: string | null;
  readonly tree_head: string | null;
}

const STANDING = `
SELECT s.sale_no, l.sale_id, s.status, s.settled, s.seq, encode(s.head, 'hex') AS head, t.size, encode(t.head, 'hex') AS tree_head
FROM sales s JOIN sale_lines l USING (sale_no) LEFT JOIN log_trees t USING (sale_no)`;
/** Among them are those that were opened and settled since they were last asked for. */
const newestSales = 100;
/** Sales that are on a line, trees that are not finished, the newest sales that are not signed whole: an index has each. */
const UNFINISHED = `${STANDING}
WHERE s.sale_no IN (
  SELECT sale_no FROM sale_lines WHERE active UNION SELECT sale_no FROM log_trees WHERE NOT finished UNION
  SELECT n.sale_no FROM sales n LEFT JOIN log_trees b USING (sale_no)
  WHERE n.sale_no > (SELECT max(sale_no) - ${newestSales} FROM sales) AND b.size IS DISTINCT FROM n.seq)
ORDER BY s.sale_no`;
const ALL_BEHIND = `${STANDING} WHERE t.sale_no IS NULL OR NOT t.finished OR t.size <> s.seq OR t.head <> s.head ORDER BY s.sale_no`;

const PAGE = `
SELECT seq, leaf, hash FROM events WHERE sale_no = $1::integer AND seq > $2::bigint AND seq <= $3::bigint ORDER BY seq LIMIT $4::integer`;

/**
 * One statement and so one transaction. The tree's row is made or moved on from the size that it was read at; where it
 * stands elsewhere nothing at all is written.
 */
const GROW = `
WITH begun AS (
  INSERT INTO log_trees (sale_no, size, head) SELECT $1::integer, $3::bigint, decode($4::text, 'hex') WHERE $2::bigint = 0
  ON CONFLICT (sale_no) DO UPDATE SET size = excluded.size, head = excluded.head, finished = false WHERE log_trees.size = 0
  RETURNING sale_no
), moved AS (
  UPDATE log_trees SET size = $3::bigint, head = decode($4::text, 'hex'), finished = false
  WHERE sale_no = $1::integer AND size = $2::bigint AND $2::bigint > 0
  RETURNING sale_no
), tree AS (SELECT sale_no FROM begun UNION ALL SELECT sale_no FROM moved
), tiles AS (
  INSERT INTO log_tiles (sale_no, level, tile_index, hashes)
  SELECT tree.sale_no, tile.level, tile.tile_index, tile.hashes
  FROM tree, unnest($5::smallint[], $6::integer[], $7::bytea[]) AS tile (level, tile_index, hashes)
  ON CONFLICT (sale_no, level, tile_index) DO UPDATE SET hashes = excluded.hashes
), users AS (
  INSERT INTO log_users (user_ref, sale_no, tile)
  SELECT entry.user_ref, tree.sale_no, entry.tile FROM tree, unnest($8::uuid[], $9::integer[]) AS entry (user_ref, tile)
  ON CONFLICT DO NOTHING
), items AS (
  INSERT INTO log_items (sku, sale_no, tile)
  SELECT entry.sku, tree.sale_no, entry.tile FROM tree, unnest($10::text[], $11::integer[]) AS entry (sku, tile)
  ON CONFLICT DO NOTHING
)
SELECT count(*)::integer AS grown FROM tree`;

const NEWEST_CHECKPOINT = 'SELECT size, note FROM log_checkpoints WHERE sale_no = $1 ORDER BY size DESC LIMIT 1';
const KEEP_CHECKPOINT = `
INSERT INTO log_checkpoints (sale_no, size, root, note, signed_at)
VALUES ($1, $2, $3, $4, to_timestamp($5::bigint / 1000.0)) ON CONFLICT DO NOTHING`;
const FINISH = 'UPDATE log_trees SET finished = true WHERE sale_no = $1 AND size = $2';
const UNKNOWN = `
SELECT sale_id FROM unnest($1::text[]) AS guarded (sale_id)
WHERE NOT EXISTS (SELECT FROM sale_lines l JOIN sales s USING (sale_no) WHERE l.sale_id = guarded.sale_id)`;

const NO_HEAD = '0'.repeat(64);

export function createTreeStore(pool: Pool): TreeStore {
  return {
    standings: (all) =>
      withLedgerFaults('finding the logs that have grown', async () => {
        const statement = all ? { name: 'log_all_behind', text: ALL_BEHIND } : { name: 'log_unfinished', text: UNFINISHED };
        const rows = await ask<StandingRow>(pool, { ...statement, values: [] });
        return rows.map((row) => ({
          saleNo: row.sale_no as SaleNo,
          saleId: row.sale_id as SaleId,
          status: row.status,
          settled: row.settled,
          seq: Number(row.seq),
          head: row.head,
          size: Number(row.size ?? 0),
          treeHead: row.tree_head ?? NO_HEAD,
        }));
      }),
    page: (saleNo, afterSeq, throughSeq, eventsMax) =>
      withLedgerFaults(`following the log of sale ${saleNo}`, async () => {
        const rows = await ask<{ seq: string; leaf: Buffer; hash: Buffer }>(pool, {
          name: 'log_page',
          text: PAGE,
          values: [saleNo, afterSeq, throughSeq, eventsMax],
        });
        return rows.map(({ seq, leaf, hash }) => ({ seq: Number(seq), leaf, hash }));
      }),
    tiles: (saleNo, ids) =>
      withLedgerFaults(`reading the tree of sale ${saleNo}`, async () => tilesByKey(await ask<TileRow>(pool, tilesQuery(saleNo, ids)))),
    grow: ({ saleNo, sizeBefore, size, head, tiles, users, items }) =>
      withLedgerFaults(`growing the tree of sale ${saleNo}`, async () => {
        const { rows } = await pool.query<{ grown: number }>({
          name: 'log_grow',
          text: GROW,
          values: [
            saleNo,
            sizeBefore,
            size,
            head,
            bare(tiles.map(({ id }) => id.level)),
            bare(tiles.map(({ id }) => id.index)),
            tiles.map(({ hashes }) => Buffer.from(hashes.buffer, hashes.byteOffset, hashes.byteLength)),
            bare(users.map(({ user }) => user)),
            bare(users.map(({ tile }) => tile)),
            texts(items.map(({ sku }) => sku)),
            bare(items.map(({ tile }) => tile)),
          ],
        });
        return rows[0]?.grown === 1 ? 'grown' : 'elsewhere';
      }),
    newestCheckpoint: (saleNo) =>
      withLedgerFaults(`reading what was signed of sale ${saleNo}`, async () => {
        const [row] = await ask<{ size: string; note: string }>(pool, {
          name: 'log_newest_checkpoint',
          text: NEWEST_CHECKPOINT,
          values: [saleNo],
        });
        return row === undefined ? null : { size: Number(row.size), note: row.note };
      }),
    keepCheckpoint: ({ saleNo, size, root, note, signedAt }) =>
      withLedgerFaults(`keeping a checkpoint of sale ${saleNo}`, async () => {
        await pool.query({ name: 'log_keep_checkpoint', text: KEEP_CHECKPOINT, values: [saleNo, size, root, note, signedAt] });
      }),
    finish: (saleNo, size) =>
      withLedgerFaults(`finishing the tree of sale ${saleNo}`, async () => {
        await ask(pool, { name: 'log_finish', text: FINISH, values: [saleNo, size] });
      }),
    unknownOf: (saleIds) =>
      withLedgerFaults('comparing what was signed with the sales there are', async () => {
        const rows = await ask<{ sale_id: SaleId }>(pool, { name: 'log_unknown_sales', text: UNKNOWN, values: [texts(saleIds)] });
        return rows.map(({ sale_id }) => sale_id);
      }),
  };
}
