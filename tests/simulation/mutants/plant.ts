import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { MUTANTS } from './mutants.ts';

/** Changes a source as it is loaded: the file on disk stays as it is. Throws where the text is not there exactly once. */
export function plantBug(name: string): void {
  const mutant = MUTANTS.find((one) => one.name === name);
  if (mutant === undefined) throw new Error(`there is no planted bug "${name}": see tests/simulation/mutants/mutants.ts`);
  const root = new URL('../../../', import.meta.url);
  const target = new URL(mutant.file, root).href;
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (url !== target) return loaded;
      const source = Buffer.from(loaded.source as Uint8Array).toString();
      const places = source.split(mutant.from).length - 1;
      if (places !== 1)
        throw new Error(`planted bug "${name}": its text stands ${String(places)} times in ${fileURLToPath(target)}; mend mutants.ts`);
      return { ...loaded, source: source.replace(mutant.from, () => mutant.to) };
    },
  });
}
