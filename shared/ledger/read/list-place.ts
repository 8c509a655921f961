/** Where the next page of a list begins: after this row, newest first. */
export interface ListPlace {
  readonly ms: number;
  readonly id: string;
}

/** Sorts after every row: where a list begins. */
export const LIST_START: ListPlace = { ms: Number.MAX_SAFE_INTEGER, id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' };
