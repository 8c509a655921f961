/**
 * Canonical JSON (RFC 8785) of plain values: the keys of objects in UTF-16 order,
 * no white space, strings escaped and numbers written as ECMAScript does. Members
 * that are `undefined` are left out.
 *
 * Throws on what has no canonical form: lone surrogates, NaN and infinities.
 */
export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return quoted(value);
    case 'number':
      if (!Number.isFinite(value)) throw new Error(`${value} has no canonical JSON: give a finite number`);
      return String(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
      return canonicalObject(value);
    default:
      throw new Error(`a ${typeof value} has no canonical JSON: give plain data`);
  }
}

function canonicalObject(value: object): string {
  const members: string[] = [];
  for (const key of Object.keys(value).sort()) {
    const member: unknown = value[key as keyof typeof value];
    if (member !== undefined) members.push(`${quoted(key)}:${canonicalJson(member)}`);
  }
  return `{${members.join(',')}}`;
}

/** Printable ASCII but quotes and backslashes: nearly every text there is, and to look takes a fourth of what writing it as JSON does. */
const nothingToEscape = /^[ !#-[\]-~]*$/;

/** A string with its quotes; its escapes are those of ECMAScript, which RFC 8785 takes over. */
export function quoted(text: string): string {
  if (nothingToEscape.test(text)) return `"${text}"`;
  if (!text.isWellFormed()) throw new Error('a lone surrogate has no canonical JSON: refuse such text where it comes in');
  return JSON.stringify(text);
}
