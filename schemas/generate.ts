/**
 * Writes JSON Schema (2020-12) of every schema that a file of this folder exports,
 * one document a file, under schemas/generated/. The same sources give the same bytes.
 *
 *   node schemas/generate.ts           writes
 *   node schemas/generate.ts --check   exits 1 where a document is not in step with its source
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

const folder = new URL('.', import.meta.url).pathname;
const generated = `${folder}generated/`;

/** name of the file without `.ts`, then name of the export. */
type Documents = Map<string, string>;

function sourceFiles(): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && file !== 'generate.ts')
    .sort();
}

async function documents(): Promise<Documents> {
  const registry = z.registry<{ id: string }>();
  const contents = new Map<string, Map<string, z.ZodType>>();
  for (const file of sourceFiles()) {
    const exported = (await import(`${folder}${file}`)) as Record<string, unknown>;
    const source = file.slice(0, -'.ts'.length);
    const named = new Map<string, z.ZodType>();
    for (const name of Object.keys(exported).sort()) {
      const value = exported[name];
      if (value instanceof z.ZodType) named.set(name, value);
    }
    // A brand is the same object as what it brands: one that has several names is written out where it is used.
    const uses = (value: z.ZodType): number => [...named.values()].filter((other) => other === value).length;
    for (const [name, value] of named) if (uses(value) === 1 && !registry.has(value)) registry.add(value, { id: `${source}/${name}` });
    if (named.size > 0) contents.set(source, named);
  }
  // Bodies are described as a sender writes them; a check that JSON Schema cannot say is left out.
  const options = { io: 'input', unrepresentable: 'any' } as const;
  const { schemas } = z.toJSONSchema(registry, {
    ...options,
    uri: (id) => {
      const [source, name] = id.split('/');
      return `${source!}.json#/$defs/${name!}`;
    },
  });
  const written: Documents = new Map();
  for (const [source, named] of contents) {
    const definitions = Object.fromEntries(
      [...named].map(([name, value]) => {
        const { $schema: _schema, $id: _id, ...definition } = schemas[`${source}/${name}`] ?? z.toJSONSchema(value, options);
        return [name, definition];
      }),
    );
    const document = { $schema: 'https://json-schema.org/draft/2020-12/schema', $id: `${source}.json`, $defs: definitions };
    written.set(`${source}.json`, `${JSON.stringify(document, null, 2)}\n`);
  }
  return written;
}

function committed(file: string): string | null {
  try {
    return readFileSync(`${generated}${file}`, 'utf8');
  } catch {
    return null;
  }
}

function existing(): string[] {
  try {
    return readdirSync(generated);
  } catch {
    return [];
  }
}

const wanted = await documents();
const stale = existing().filter((file) => !wanted.has(file));
const different = [...wanted].filter(([file, text]) => committed(file) !== text).map(([file]) => file);

if (process.argv.includes('--check')) {
  for (const file of different) console.error(`schemas/generated/${file} is not in step with schemas/${file.replace('.json', '.ts')}`);
  for (const file of stale) console.error(`schemas/generated/${file} has no source any more`);
  if (different.length + stale.length > 0) {
    console.error('Run: npm run schemas:generate, look at the difference (a reader of version n takes n and n-1), and commit it.');
    process.exitCode = 1;
  }
} else {
  mkdirSync(generated, { recursive: true });
  for (const file of stale) rmSync(`${generated}${file}`);
  for (const file of different) writeFileSync(`${generated}${file}`, wanted.get(file)!);
  console.log(`${wanted.size} documents, ${different.length} changed, ${stale.length} removed`);
}
