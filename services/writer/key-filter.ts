import { WORDS_PER_ID, writeWords } from '#shared/sale/id-words.ts';

/**
 * Which ids the log of a sale may hold: no false "never", some false "maybe" (a
 * Bloom filter that grows in layers). A sale that was seen from its birth needs no
 * question to the ledger for a request that is new, which is nearly every one.
 */
export interface KeyFilter {
  /** `id`: a UUID whose digits are spread evenly, as those of a hash are. */
  readonly add: (id: string) => void;
  /** false: it was never added. */
  readonly mayHold: (id: string) => boolean;
}

/** Of the first layer; each next one is four times as large, up to a bound. */
const firstLayerIdsMax = 100_000;
/** Then they are all of this size, 32 MiB: a sale of ten million has two of them, and no table of hundreds that is nearly empty. */
const layerIdsMax = 6_400_000;
/**
 * With six probes an id, one in 40,000 for each layer that was never added looks as if it had been. One in a hundred is
 * too many: then each batch of 2,000 has to wait until the ledger has answered.
 */
const bitsPerId = 32;
const probes = 6;

const digits = new Int32Array(WORDS_PER_ID);

interface Layer {
  readonly words: Uint32Array;
  readonly bitMask: number;
  readonly idsMax: number;
  ids: number;
}

export function createKeyFilter(): KeyFilter {
  const layers: Layer[] = [];
  let newest = createLayer(firstLayerIdsMax);
  layers.push(newest);
  return {
    add(id) {
      if (newest.ids >= newest.idsMax) {
        newest = createLayer(Math.min(newest.idsMax * 4, layerIdsMax));
        layers.push(newest);
      }
      newest.ids++;
      writeWords(id, digits, 0);
      const step = digits[3]! | 1;
      let at = digits[0]! >>> 0;
      for (let probe = 0; probe < probes; probe++, at = (at + step) >>> 0) {
        const bit = at & newest.bitMask;
        newest.words[bit >>> 5] = (newest.words[bit >>> 5] ?? 0) | (1 << (bit & 31));
      }
    },
    mayHold(id) {
      writeWords(id, digits, 0);
      const start = digits[0]! >>> 0;
      const step = digits[3]! | 1;
      for (const layer of layers) if (layerMayHold(layer, start, step)) return true;
      return false;
    },
  };
}

function layerMayHold({ words, bitMask }: Layer, start: number, step: number): boolean {
  for (let probe = 0, at = start; probe < probes; probe++, at = (at + step) >>> 0) {
    const bit = at & bitMask;
    if (((words[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false;
  }
  return true;
}

function createLayer(idsMax: number): Layer {
  const bits = 2 ** Math.ceil(Math.log2(idsMax * bitsPerId));
  return { words: new Uint32Array(bits / 32), bitMask: bits - 1, idsMax, ids: 0 };
}
