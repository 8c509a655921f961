const nul = '\u0000';

/**
 * True where every string in a JSON value, keys included, can be written as UTF-8 and stored by PostgreSQL:
 * no lone surrogate and no NUL. JSON's escapes can smuggle both in.
 */
export function isStorable(value: unknown): boolean {
  // A stack of its own: the nesting of what came from outside must not become the depth of ours.
  const rest: unknown[] = [value];
  for (let next = rest.pop(); rest.length > 0 || next !== undefined; next = rest.pop()) {
    if (typeof next === 'string') {
      if (!next.isWellFormed() || next.includes(nul)) return false;
    } else if (typeof next === 'object' && next !== null) {
      for (const [name, inner] of Object.entries(next)) rest.push(name, inner);
    }
  }
  return true;
}
