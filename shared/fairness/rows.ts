import { lengthened } from '#shared/sale/column.ts';
import { IdIndex } from '#shared/sale/id-index.ts';
import { WORDS_PER_ID, writeWords } from '#shared/sale/id-words.ts';

/** Columns that grow by doubling, and rows found by an id: ten million of either without an object each. */

const ROWS_MIN = 1024;

type Values = Int32Array | Uint8Array | Float64Array;

export interface Column<V extends Values> {
  readonly length: () => number;
  readonly push: (value: number) => void;
  readonly get: (row: number) => number;
  readonly set: (row: number, value: number) => void;
  /** What was pushed, without a copy; valid until the next push. */
  readonly values: () => V;
}

/** @param of what a value takes: `Uint8Array`, `Int32Array` or `Float64Array` */
export function createColumn<V extends Values>(of: new (length: number) => V): Column<V> {
  let values = new of(ROWS_MIN);
  let length = 0;
  return {
    length: () => length,
    push(value) {
      if (length === values.length) values = lengthened(values, length * 2);
      values[length++] = value;
    },
    get: (row) => values[row]!,
    set(row, value) {
      values[row] = value;
    },
    values: () => values.subarray(0, length) as V,
  };
}

/** Rows numbered from 0 in the order in which their ids came; 16 bytes an id and 5 to 11 of index. */
export interface IdRows {
  /** -1 where no row has the id. */
  readonly find: (id: string) => number;
  /** The id must be new. */
  readonly add: (id: string) => number;
  readonly size: () => number;
}

export function createIdRows(): IdRows {
  let ids = new Int32Array(ROWS_MIN * WORDS_PER_ID);
  const index = new IdIndex();
  const wanted = new Int32Array(WORDS_PER_ID);
  let size = 0;
  return {
    find(id) {
      writeWords(id, wanted, 0);
      return index.find(ids, wanted, 0);
    },
    add(id) {
      if ((size + 1) * WORDS_PER_ID > ids.length) ids = lengthened(ids, ids.length * 2);
      writeWords(id, ids, size * WORDS_PER_ID);
      index.add(ids, size);
      return size++;
    },
    size: () => size,
  };
}
