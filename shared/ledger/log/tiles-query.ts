import type { SaleNo } from '#schemas/ids.ts';
import type { ReadTile, TileId } from '#shared/proof/tiles.ts';
import { bare, type Statement } from '../columns.ts';

export interface TileRow {
  readonly level: number;
  readonly tile_index: number;
  readonly hashes: Buffer;
}

const TILES = `
SELECT level, tile_index, hashes FROM log_tiles JOIN unnest($2::smallint[], $3::integer[]) AS wanted (level, tile_index) USING (level, tile_index)
WHERE sale_no = $1::integer`;

/** The tiles of a sale's tree: about two a level for a proof. */
export function tilesQuery(saleNo: SaleNo, ids: readonly TileId[]): Statement {
  return { name: 'log_tiles', text: TILES, values: [saleNo, bare(ids.map(({ level }) => level)), bare(ids.map(({ index }) => index))] };
}

/** One that was not found is undefined, which whoever computes over it refuses. */
export function tilesByKey(rows: readonly TileRow[]): ReadTile {
  const tiles = new Map(rows.map(({ level, tile_index, hashes }) => [`${level}/${tile_index}`, hashes]));
  return ({ level, index }) => tiles.get(`${level}/${index}`);
}
