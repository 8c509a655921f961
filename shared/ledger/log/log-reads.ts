import type { ReservationId, SaleId, SaleNo, Sku, UserRef } from '#schemas/ids.ts';
import type { ReadTile, TileId } from '#shared/proof/tiles.ts';
import type { Rows, Statement } from '../read/reads.ts';
import { tilesByKey, tilesQuery, type TileRow } from './tiles-query.ts';

/** What auditors and buyers ask of the log. A page of tiles or of events is one query by an index. */

export interface StoredEvent {
  readonly seq: number;
  readonly leaf: Buffer;
  readonly hash: Buffer;
}

/** An event of one of several sales. */
export interface PlacedEvent extends StoredEvent {
  readonly sale_no: SaleNo;
  readonly sale_id: SaleId;
}

/** A place in the list of what happened to a user or an item: behind this event. */
export interface HistoryPlace {
  readonly saleNo: number;
  readonly seq: number;
}

export interface CheckpointRow {
  readonly size: number;
  readonly note: string;
  readonly signed_at_ms: number;
}

export interface DecisionOfReservation extends StoredEvent {
  readonly sale_no: SaleNo;
  readonly sale_id: SaleId;
  readonly user_ref: UserRef;
}

/** Whose history is asked for. `mark`: bytes that each leaf of theirs holds, by which most others are passed over in the database. */
export type HistorySubject =
  | { readonly of: 'users'; readonly refs: readonly UserRef[]; readonly marks: readonly string[] }
  | { readonly of: 'item'; readonly sku: Sku };

export interface HistoryPage {
  readonly events: readonly PlacedEvent[];
  readonly next: HistoryPlace | null;
}

export interface LogReads {
  /** Seq of the newest event; 0 where nothing is decided. */
  seqOf(saleNo: SaleNo): Promise<number>;
  /** Events behind `afterSeq` up to `throughSeq`, in order, at most `eventsMax`. */
  events(saleNo: SaleNo, afterSeq: number, throughSeq: number, eventsMax: number): Promise<readonly StoredEvent[]>;
  newestCheckpoint(saleNo: SaleNo): Promise<CheckpointRow | null>;
  /** Leaves of the tree so far. */
  treeSize(saleNo: SaleNo): Promise<number>;
  tiles(saleNo: SaleNo, ids: readonly TileId[]): Promise<ReadTile>;
  /** The event that answered the request for it. */
  decisionOf(id: ReservationId): Promise<DecisionOfReservation | null>;
  /**
   * The next events of the subject, in the order of sales and seqs, at most `eventsMax`, some of others' among them.
   * `next`: where to go on; null at the end. A page may be empty and not the last.
   */
  history(subject: HistorySubject, after: HistoryPlace, eventsMax: number): Promise<HistoryPage>;
}

const TILE_EVENTS = 256;
/** Tiles that are read at once: 16,384 events at most, of which those of others are left in the database. */
const historyTilesMax = 64;

const SEQ: Statement = { name: 'log_seq', text: 'SELECT seq FROM sales WHERE sale_no = $1' };
const EVENTS: Statement = {
  name: 'log_events',
  text: 'SELECT seq, leaf, hash FROM events WHERE sale_no = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4',
};
const CHECKPOINT: Statement = {
  name: 'log_checkpoint',
  text: `SELECT size, note, (extract(epoch FROM signed_at) * 1000)::bigint AS signed_at_ms
    FROM log_checkpoints WHERE sale_no = $1 ORDER BY size DESC LIMIT 1`,
};
const TREE_SIZE: Statement = { name: 'log_tree_size', text: 'SELECT size FROM log_trees WHERE sale_no = $1' };
const DECISION: Statement = {
  name: 'log_decision',
  text: `SELECT r.user_ref, r.sale_no, l.sale_id, e.seq, e.leaf, e.hash
    FROM reservations r JOIN sale_lines l USING (sale_no) JOIN events e ON e.sale_no = r.sale_no AND e.seq = r.decided_seq
    WHERE r.id = $1`,
};
const tilesOf = (table: 'log_users' | 'log_items', column: string): Statement => ({
  name: `${table}_tiles`,
  text: `SELECT DISTINCT sale_no, tile FROM ${table} WHERE ${column} AND (sale_no, tile) >= ($2, $3) ORDER BY sale_no, tile LIMIT ${historyTilesMax}`,
});
const USER_TILES = tilesOf('log_users', 'user_ref = ANY ($1::uuid[])');
const ITEM_TILES = tilesOf('log_items', 'sku = $1');
const TILE_CONTENTS: Statement = {
  name: 'log_tile_contents',
  text: `SELECT e.sale_no, l.sale_id, e.seq, e.leaf, e.hash
    FROM unnest($1::integer[], $2::integer[]) AS wanted (sale_no, tile) JOIN sale_lines l USING (sale_no) CROSS JOIN LATERAL (
      SELECT sale_no, seq, leaf, hash FROM events
      WHERE sale_no = wanted.sale_no AND seq > wanted.tile::bigint * ${TILE_EVENTS} AND seq <= (wanted.tile::bigint + 1) * ${TILE_EVENTS}
    ) e
    WHERE (e.sale_no, e.seq) > ($3, $4) AND EXISTS (SELECT FROM unnest($5::bytea[]) AS mark WHERE position(mark IN e.leaf) > 0)
    ORDER BY e.sale_no, e.seq LIMIT $6`,
};

export function createLogReads(reads: Rows): LogReads {
  const rowsOf = async <Row>(statement: Statement, ...values: unknown[]): Promise<Row[]> => reads.rows<Row>(statement, values);
  return {
    seqOf: async (saleNo) => (await rowsOf<{ seq: number }>(SEQ, saleNo))[0]?.seq ?? 0,
    events: (saleNo, afterSeq, throughSeq, eventsMax) => rowsOf<StoredEvent>(EVENTS, saleNo, afterSeq, throughSeq, eventsMax),
    newestCheckpoint: async (saleNo) => (await rowsOf<CheckpointRow>(CHECKPOINT, saleNo))[0] ?? null,
    treeSize: async (saleNo) => (await rowsOf<{ size: number }>(TREE_SIZE, saleNo))[0]?.size ?? 0,
    async tiles(saleNo, ids) {
      const { values, ...statement } = tilesQuery(saleNo, ids);
      return tilesByKey(await reads.rows<TileRow>(statement, values));
    },
    decisionOf: async (id) => (await rowsOf<DecisionOfReservation>(DECISION, id))[0] ?? null,
    async history(subject, { saleNo, seq }, eventsMax) {
      const firstTile = Math.floor(seq / TILE_EVENTS);
      const tiles =
        subject.of === 'users'
          ? await rowsOf<{ sale_no: SaleNo; tile: number }>(USER_TILES, subject.refs, saleNo, firstTile)
          : await rowsOf<{ sale_no: SaleNo; tile: number }>(ITEM_TILES, subject.sku, saleNo, firstTile);
      if (tiles.length === 0) return { events: [], next: null };
      const marks = subject.of === 'users' ? subject.marks : [`"${subject.sku}"`];
      const events = await rowsOf<PlacedEvent>(
        TILE_CONTENTS,
        tiles.map((tile) => tile.sale_no),
        tiles.map(({ tile }) => tile),
        saleNo,
        seq,
        marks.map((mark) => Buffer.from(mark)),
        eventsMax,
      );
      const newest = events.at(-1);
      if (events.length === eventsMax && newest !== undefined) return { events, next: { saleNo: newest.sale_no, seq: newest.seq } };
      const last = tiles.at(-1)!;
      const end = { saleNo: last.sale_no as number, seq: (last.tile + 1) * TILE_EVENTS };
      return { events, next: tiles.length < historyTilesMax ? null : end };
    },
  };
}
