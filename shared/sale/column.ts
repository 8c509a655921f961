type Column = Int32Array | Uint8Array | Float64Array;

/** The same column with room for `length` values: one copy of memory, no object per value. */
export function lengthened<T extends Column>(column: T, length: number): T {
  const longer = new (column.constructor as new (length: number) => T)(length);
  longer.set(column);
  return longer;
}
