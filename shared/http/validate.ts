import type { z } from 'zod';
import { escapePointer } from './body.ts';
import { refuse, type FieldError } from './problem.ts';

/** Errors that one answer lists at most; the rest come up once these are corrected. */
const errorsMax = 50;

/** `content` as the schema reads it. Refuses (400) with a pointer and a reason for each bad field. */
export function validated<Schema extends z.ZodType>(schema: Schema, content: unknown): z.output<Schema> {
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.flatMap(fieldErrors).slice(0, errorsMax);
  return refuse(
    'invalid_request',
    `${errors.length === 1 ? 'one field' : `${errors.length} fields`} of the body cannot be used; see errors`,
    {
      errors,
    },
  );
}

function fieldErrors(issue: z.core.$ZodIssue): FieldError[] {
  const pointer = issue.path.map((step) => `/${escapePointer(String(step))}`).join('');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ pointer: `${pointer}/${escapePointer(key)}`, reason: 'is not a field of this request' }));
  }
  return [{ pointer, reason: issue.message }];
}
