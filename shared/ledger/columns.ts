/**
 * Columns of a batch as single parameters. Array literals are put together here
 * because the driver's own way looks at every element of every array; the values'
 * types say that nothing in them needs escaping, except where `texts` is used.
 */

/** A statement as the driver takes it, prepared once a connection under its name. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  readonly values: readonly (string | number | boolean | null)[];
}

/** Of uuids (32 hex digits do too), integers, booleans and words: no quotes, commas, braces, or null written as a word. */
export function bare(values: readonly (string | number | boolean | null)[]): string {
  return `{${values.map((value) => value ?? 'NULL').join(',')}}`;
}

/** Of any text. */
export function texts(values: readonly (string | null)[]): string {
  return `{${values.map((value) => (value === null ? 'NULL' : `"${value.replace(/["\\]/g, '\\$&')}"`)).join(',')}}`;
}

/** Of JSON without white space, for `string_to_array($n, E'\n', '')`: canonical JSON holds no raw newline, and an empty line stands for null. */
export function lines(values: readonly (string | null)[]): string {
  return values.map((value) => value ?? '').join('\n');
}
