import { registerHooks } from 'node:module';

/**
 * Loaded into a writer by `--import`: its events are written as ever, but are not chained. No hash is made and none
 * stands in the leaf; what is left is a plain outbox. Only for bench/chain-cost.ts to compare with; the source stays as it is.
 */

const target = new URL('../shared/proof/seal.ts', import.meta.url).href;
const chained = `const leaf = encodeLeaf(event, prev);
    prev = hashLeaf(leaf);`;
/** The first of a batch still names the head it begins on, which the ledger compares; it never changes. */
const unchained = `const leaf = encodeLeaf(event, event === events[0] ? prev : '');`;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (url !== target) return loaded;
    const source = Buffer.from(loaded.source as Uint8Array).toString();
    if (!source.includes(chained))
      throw new Error('shared/proof/seal.ts no longer chains where bench/without-chain.ts looks for it: mend it');
    return { ...loaded, source: source.replace(chained, () => unchained) };
  },
});
