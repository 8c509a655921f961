import type { z } from 'zod';
import { TerminalFault } from '#shared/faults/faults.ts';

/** What `process.env` looks like; only `main.ts` hands the real one in. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the variables `schema` names out of `environment`. An empty value counts as
 * absent, so that a line of `.env` can be emptied to get the default back. Throws
 * TerminalFault `environment_invalid` that names all faults together and, where
 * the schema piece has a description, what to set instead. Values are not repeated
 * in the message: they may be secrets.
 */
export function parseEnvironment<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  environment: Environment,
): z.output<z.ZodObject<Shape>> {
  const named: Record<string, string> = {};
  for (const name of Object.keys(schema.shape)) {
    const value = environment[name];
    if (value !== undefined && value.trim() !== '') named[name] = value.trim();
  }
  const parsed = schema.safeParse(named);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => {
    const name = String(issue.path[0] ?? '(all)');
    const piece = (schema.shape as unknown as Record<string, z.ZodType | undefined>)[name];
    const expected = piece?.description === undefined ? '' : `; set it to ${piece.description}`;
    const state = name in named ? issue.message : 'is not set';
    return `  ${name}: ${state}${expected}`;
  });
  throw new TerminalFault(
    'environment_invalid',
    `${String(lines.length)} environment variable(s) cannot be used; correct them in .env or in the environment and start again:\n${lines.join('\n')}`,
  );
}
