import type { Command } from '#schemas/command.ts';
import type { EpochMs, Offset, Partition, SaleId } from '#schemas/ids.ts';
import type { SaleTerms } from '#schemas/terms.ts';
import { originOf, signCheckpoint } from '#shared/proof/checkpoint.ts';
import { createGrowingTree } from '#shared/proof/growing-tree.ts';
import { createSigningKey, formatVerifierKey, type SigningKey } from '#shared/proof/note.ts';
import { replaySale, type SaleRecord } from '#shared/replay/replay-sale.ts';
import { SALE } from '#shared/sale/testing/commands.ts';
import type { Evidence, EvidenceEvent, EvidenceFault } from '../evidence.ts';

/** A sale as it would have run, decided by the core and signed by a key of its own: material for tests, which forge it. */
export interface StagedSale {
  readonly saleId: SaleId;
  terms: SaleTerms;
  origin: string;
  records: SaleRecord[];
  events: { leaf: Buffer; storedHash: Buffer | null }[];
  checkpoints: { size: number; note: string }[];
  keys: { name: string; vkey: string }[];
  /** What the system says of the outcome. */
  status: Evidence['start']['status'];
  settled: boolean;
  head: Buffer;
  auditedThrough: number;
  others: Map<SaleId, Offset>;
  /** null where the line is not at hand. */
  line: { firstOffset: Offset; firstAt: EpochMs; throughOffset: Offset } | null;
  faults: EvidenceFault[];
}

export const AUDIT_ORIGIN = 'firstcome.test/log';
export const KEY = createSigningKey(AUDIT_ORIGIN, Buffer.alloc(32, 1));
export const OTHER_KEY = createSigningKey(AUDIT_ORIGIN, Buffer.alloc(32, 2));

/** A command that says when it came, or a record that is none of the sale's. */
export type Said = readonly [afterMs: number, what: Command | 'other_sale' | 'malformed'];

/** @param signedEvery size between checkpoints; the last is of all events */
export function stageSale(terms: SaleTerms, said: readonly Said[], signedEvery: number): StagedSale {
  let timestamp = 1_000;
  const records = said.map(([afterMs, what], index): SaleRecord => {
    timestamp += afterMs;
    const place = { offset: (index + 7) as Offset, timestamp: timestamp as EpochMs };
    if (what === 'other_sale') return { kind: 'other_sale', ...place };
    if (what === 'malformed') return { kind: 'malformed', sha256: 'ab'.repeat(32), ...place };
    return { kind: 'command', command: what, ...place };
  });
  const staged: StagedSale = {
    saleId: SALE,
    terms,
    origin: originOf(AUDIT_ORIGIN, SALE),
    records,
    events: [],
    checkpoints: [],
    keys: [{ name: AUDIT_ORIGIN, vkey: formatVerifierKey(KEY.verifier) }],
    status: 'scheduled',
    settled: false,
    head: Buffer.alloc(32),
    auditedThrough: 0,
    others: new Map(),
    line: { firstOffset: 7 as Offset, firstAt: records[0]!.timestamp, throughOffset: 7 as Offset },
    faults: [],
  };
  decide(staged);
  staged.checkpoints = signedAt(staged, signedEvery);
  return staged;
}

/** What the sale's records lead to becomes its log. */
export function decide(staged: StagedSale): void {
  const replay = replaySale({ saleId: staged.saleId, others: staged.others, ...staged.line! });
  staged.events = [];
  for (const record of staged.records) {
    for (const { leaf, hash } of replay.takeRecord(record)) {
      staged.events.push({ leaf: Buffer.from(leaf), storedHash: Buffer.from(hash, 'hex') });
      staged.line!.throughOffset = record.offset;
    }
  }
  staged.records = staged.records.filter(({ offset }) => offset <= staged.line!.throughOffset);
  staged.status = replay.status()!;
  staged.settled = replay.settled();
  staged.head = staged.events.at(-1)!.storedHash!;
  staged.auditedThrough = staged.events.length;
}

/** Checkpoints over the log as it stands. */
export function signedAt(staged: StagedSale, every: number, key: SigningKey = KEY): { size: number; note: string }[] {
  const tree = createGrowingTree();
  const notes: { size: number; note: string }[] = [];
  for (const { storedHash } of staged.events) {
    tree.append(storedHash!);
    if (tree.size() % every === 0 || tree.size() === staged.events.length)
      notes.push({ size: tree.size(), note: signCheckpoint({ origin: staged.origin, size: tree.size(), root: tree.root() }, [key]) });
  }
  return notes;
}

/** As `verifyEvidence` takes it, in pages of so many. */
export function evidenceOf(staged: StagedSale, pageMax = 7): Evidence {
  const { line } = staged;
  return {
    start: {
      saleId: staged.saleId,
      origin: staged.origin,
      auditedThrough: staged.auditedThrough,
      head: staged.head,
      terms: staged.terms,
      status: staged.status,
      settled: staged.settled,
      line: line === null ? null : { partition: 0 as Partition, others: staged.others, ...line },
    },
    events: () => pagesOf<EvidenceEvent>(staged.events, pageMax),
    line: () => (line === null ? null : pagesOf(staged.records, pageMax)),
    checkpoints: async function* () {
      await Promise.resolve();
      yield* staged.checkpoints;
    },
    keys: staged.keys,
    faults: () => staged.faults,
  };
}

async function* pagesOf<T>(all: readonly T[], max: number): AsyncGenerator<readonly T[]> {
  for (let at = 0; at < all.length; at += max) {
    await Promise.resolve();
    yield all.slice(at, at + max);
  }
}
