import { z } from 'zod';

/**
 * Text that comes from outside and is kept: at least one character, at most
 * `charactersMax`, well-formed Unicode without U+0000. Canonical JSON knows no lone
 * surrogate and PostgreSQL knows no U+0000, so neither may get onto a line.
 */
export function keptText(charactersMax: number) {
  return z.string().min(1).max(charactersMax).refine(isKeepable, { error: 'must be well-formed Unicode without U+0000' });
}

export function isKeepable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}
