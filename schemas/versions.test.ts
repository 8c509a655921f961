import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command, COMMAND_VERSION } from './command.ts';
import { Event, EVENT_VERSION } from './event.ts';

/**
 * A reader of version n takes n and n-1: a topic and a log hold what was written
 * before a deployment. For each version there are examples of every type under
 * schemas/examples/, written when the version was made and never changed after.
 * An old example that no longer parses is a change that needs a new version (`v`),
 * whose schema takes both, and examples of its own.
 */
function examples(kind: 'commands' | 'events', version: number): unknown[] {
  const file = resolve(`schemas/examples/${kind}-v${version}.json`);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as unknown[]) : [];
}

const CASES = [
  { kind: 'commands', schema: Command, version: COMMAND_VERSION },
  { kind: 'events', schema: Event, version: EVENT_VERSION },
] as const;

describe.each(CASES)('$kind', ({ kind, schema, version }) => {
  const both = [version - 1, version].filter((one) => one > 0);
  const all = both.flatMap((one) => examples(kind, one).map((example) => ({ v: one, example, type: (example as { type: string }).type })));

  test.each(all)('an example of $type, version $v, is read as it was written', ({ example }) => {
    expect(schema.parse(example)).toEqual(example);
  });

  test('each type has an example in the newest version', () => {
    const types = schema.options.flatMap((option) => {
      const { type } = option.shape;
      return 'options' in type ? type.options : [type.value];
    });
    expect(new Set(examples(kind, version).map((example) => (example as { type: string }).type))).toEqual(new Set(types));
  });

  test('terms that were written before there was `retention_years` get none, terms that have it keep it', () => {
    const scheduled = examples(kind, version).find((example) => (example as { type: string }).type.startsWith('sale.schedule'))!;
    const { terms } = scheduled as { terms: object };
    expect(terms).not.toHaveProperty('retention_years');
    expect(schema.parse(scheduled)).not.toHaveProperty('terms.retention_years');
    const kept = { ...scheduled, terms: { ...terms, retention_years: 10 } };
    expect(schema.parse(kept)).toEqual(kept);
  });

  test.each(['v', 'sale_id', 'type'])('one without %s is refused', (field) => {
    for (const example of examples(kind, version)) {
      expect(schema.safeParse({ ...(example as object), [field]: undefined }).success).toBe(false);
    }
  });
});
