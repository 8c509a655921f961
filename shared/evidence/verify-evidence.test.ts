import type { Offset, SaleId } from '#schemas/ids.ts';
import { signCheckpoint } from '#shared/proof/checkpoint.ts';
import { createGrowingTree } from '#shared/proof/growing-tree.ts';
import { formatVerifierKey } from '#shared/proof/note.ts';
import { EMPTY_HEAD } from '#shared/proof/seal.ts';
import { hashLeaf } from '#shared/proof/leaf.ts';
import { canonicalJson } from '#shared/proof/canonical.ts';
import {
  cancel,
  changeStock,
  checkOut,
  declined,
  operate,
  paid,
  refunded,
  reserve,
  schedule,
  termsOf,
  tick,
} from '#shared/sale/testing/commands.ts';
import type { VerdictName } from './evidence.ts';
import {
  AUDIT_ORIGIN,
  decide,
  evidenceOf,
  KEY,
  OTHER_KEY,
  type Said,
  signedAt,
  type StagedSale,
  stageSale,
} from './testing/staged-sale.ts';
import { verifyEvidence, type VerifyOptions } from './verify-evidence.ts';

/** One of each thing that can be in a log, to the end. */
const TERMS = termsOf('A:4 B:2', { waitlist_limit: 2, per_user_limit: 3, late_payment: 'reacquire' });
const SAID: readonly Said[] = [
  [0, schedule('setup', TERMS)],
  [10, 'other_sale'],
  [10, reserve('r1', 'ann', 'A:2')],
  [10, reserve('r1', 'ann', 'A:2')],
  [10, reserve('r1', 'ann', 'A:3')],
  [10, reserve('r2', 'bob', 'A:2 B:1')],
  [10, 'malformed'],
  [10, reserve('r3', 'cid', 'A:1')],
  [10, reserve('r4', 'dan', 'X:1')],
  [10, checkOut('o1', 'r1', 'ann')],
  [10, paid('o1', 'r1')],
  [10, paid('o1', 'r1')],
  [10, cancel('k1', 'r2', 'bob')],
  [10, checkOut('o2', 'r3', 'cid')],
  [10, declined('o2', 'r3')],
  [10, checkOut('o3', 'r3', 'cid')],
  [70_000, tick()],
  [10, paid('o3', 'r3')],
  [10, reserve('r5', 'eve', 'A:1')],
  [10, checkOut('o4', 'r5', 'eve')],
  [70_000, changeStock('k2', 'A', -1)],
  [10, paid('o4', 'r5')],
  [10, refunded('o4', 'r5')],
  [10, operate('k3', 'pause')],
  [10, reserve('r6', 'fay', 'B:1')],
  [10, operate('k4', 'resume')],
  [10, reserve('r7', 'fay', 'B:1')],
  [20_000, tick()],
  [10, operate('k5', 'close')],
];
const SIGNED_EVERY = 8;
const stage = (): StagedSale => stageSale(TERMS, SAID, SIGNED_EVERY);
const EVENTS = stage().events.length;

/** Writes what stands from `from` on anew, so that chain and stored hashes are right. */
function rechain(staged: StagedSale, from: number): void {
  let prev = from === 1 ? EMPTY_HEAD : hashLeaf(staged.events[from - 2]!.leaf.toString());
  for (let index = from - 1; index < staged.events.length; index++) {
    const event = JSON.parse(staged.events[index]!.leaf.toString()) as object;
    const leaf = canonicalJson({ ...event, prev, seq: index + 1 });
    prev = hashLeaf(leaf);
    staged.events[index] = { leaf: Buffer.from(leaf), storedHash: Buffer.from(prev, 'hex') };
  }
  staged.head = Buffer.from(prev, 'hex');
  staged.auditedThrough = staged.events.length;
}

function alter(staged: StagedSale, seq: number, change: (event: Record<string, unknown>) => void): void {
  const event = JSON.parse(staged.events[seq - 1]!.leaf.toString()) as Record<string, unknown>;
  change(event);
  staged.events[seq - 1] = { ...staged.events[seq - 1]!, leaf: Buffer.from(canonicalJson(event)) };
}

const otherUser = (event: Record<string, unknown>): void => {
  event['user'] = '00000000-0000-8000-8000-000000000000';
};

/** Seq of the event of this type, the nth. */
function seqOf(type: string, nth = 1): number {
  const seqs = stage().events.flatMap(({ leaf }, index) => (leaf.includes(`"type":"${type}"`) ? [index + 1] : []));
  return seqs[nth - 1]!;
}

/** Somebody else's history of the same sale, right in itself. */
const otherHistory = (): StagedSale =>
  stageSale(TERMS, [...SAID.slice(0, 2), [10, reserve('r0', 'mallory', 'A:1')], ...SAID.slice(2)], SIGNED_EVERY);

const restoredAt = (size: number): StagedSale => {
  const staged = stage();
  const { offset } = JSON.parse(staged.events[size - 1]!.leaf.toString()) as { offset: Offset };
  staged.records = staged.records.filter((record) => record.offset <= offset);
  decide(staged);
  staged.checkpoints = staged.checkpoints.filter((checkpoint) => checkpoint.size <= staged.events.length);
  return staged;
};

function noteOver(staged: StagedSale, size: number, origin = staged.origin, key = KEY): string {
  const tree = createGrowingTree();
  for (const { storedHash } of staged.events.slice(0, size)) tree.append(storedHash!);
  return signCheckpoint({ origin, size, root: tree.root() }, [key]);
}

interface Case {
  readonly what: string;
  /** Of the staged sale. */
  readonly forge: (staged: StagedSale) => void;
  readonly options?: Partial<VerifyOptions>;
  readonly expected: readonly [VerdictName, string, number | null];
  /** Without the line, where it is another. */
  readonly alone?: readonly [VerdictName, string, number | null];
}

const flip = (buffer: Buffer, at: number): Buffer => {
  const flipped = Buffer.from(buffer);
  flipped[at]! ^= 1;
  return flipped;
};

const CASES: readonly Case[] = [
  { what: 'nothing', forge: () => undefined, expected: ['verified', 'verified', null] },
  {
    what: 'a byte of a leaf',
    forge: ({ events }) => (events[4] = { ...events[4]!, leaf: flip(events[4]!.leaf, 5) }),
    expected: ['tampered', 'leaf_differs', 5],
    alone: ['tampered', 'leaf_unreadable', 5],
  },
  {
    what: 'a leaf that is no text any more',
    forge: ({ events }) => (events[4]!.leaf[7] = 0xff),
    expected: ['tampered', 'leaf_differs', 5],
    alone: ['tampered', 'leaf_unreadable', 5],
  },
  {
    what: 'what a leaf says, in its own form',
    forge: (staged) => alter(staged, 3, otherUser),
    expected: ['tampered', 'leaf_differs', 3],
    alone: ['tampered', 'hash_differs', 3],
  },
  {
    what: 'white space in a leaf',
    forge: ({ events }) => (events[2] = { ...events[2]!, leaf: Buffer.concat([events[2]!.leaf, Buffer.from(' ')]) }),
    expected: ['tampered', 'leaf_differs', 3],
    alone: ['tampered', 'leaf_not_canonical', 3],
  },
  {
    what: 'a stored hash',
    forge: ({ events }) => (events[6] = { ...events[6]!, storedHash: flip(events[6]!.storedHash!, 31) }),
    expected: ['tampered', 'hash_differs', 7],
  },
  { what: 'a row is gone', forge: ({ events }) => events.splice(4, 1), expected: ['tampered', 'event_missing', 5] },
  { what: 'the first row is gone', forge: ({ events }) => events.splice(0, 1), expected: ['tampered', 'event_missing', 1] },
  {
    what: 'two rows change places',
    forge: ({ events }) => events.splice(4, 2, events[5]!, events[4]!),
    expected: ['tampered', 'events_swapped', 5],
  },
  {
    what: 'a row stands there twice',
    forge: ({ events }) => events.splice(5, 0, events[4]!),
    expected: ['tampered', 'event_inserted', 6],
  },
  {
    what: 'a row is put in, those behind it stay as they are',
    forge: (staged) => {
      staged.events.splice(4, 0, staged.events[4]!);
      alter(staged, 5, otherUser);
      const leaf = staged.events[4]!.leaf.toString();
      staged.events[4] = { leaf: Buffer.from(leaf), storedHash: Buffer.from(hashLeaf(leaf), 'hex') };
    },
    expected: ['tampered', 'event_inserted', 5],
    alone: ['tampered', 'event_inserted', 6],
  },
  {
    what: 'a row is put in and all behind it are made to fit',
    forge: (staged) => {
      staged.events.splice(4, 0, staged.events[3]!);
      rechain(staged, 5);
    },
    expected: ['tampered', 'leaf_differs', 5],
    alone: ['tampered', 'root_differs', 1],
  },
  {
    what: 'a row is put in at the end',
    forge: (staged) => {
      staged.events.push(staged.events.at(-1)!);
      rechain(staged, EVENTS + 1);
    },
    expected: ['tampered', 'event_inserted', EVENTS + 1],
    alone: ['tampered', 'invariant_violated', null],
  },
  {
    what: 'the tail is cut',
    forge: ({ events }) => events.splice(EVENTS - 3),
    expected: ['truncated', 'events_missing_at_end', EVENTS - 2],
  },
  {
    what: 'the tail is cut and all that is said of it',
    forge: (staged) => {
      staged.events.splice(EVENTS - 3);
      rechain(staged, EVENTS - 3);
    },
    expected: ['truncated', 'events_missing_at_end', EVENTS - 2],
    alone: ['truncated', 'checkpoint_ahead', EVENTS - 2],
  },
  {
    what: 'all later hashes are computed anew',
    forge: (staged) => {
      alter(staged, 11, otherUser);
      rechain(staged, 11);
    },
    expected: ['tampered', 'leaf_differs', 11],
    alone: ['tampered', 'root_differs', SIGNED_EVERY + 1],
  },
  {
    what: 'the whole log is rewritten, with another line, and signed with another key',
    forge: (staged) => {
      Object.assign(staged, otherHistory());
      staged.checkpoints = signedAt(staged, SIGNED_EVERY, OTHER_KEY);
      staged.keys = [{ name: AUDIT_ORIGIN, vkey: formatVerifierKey(OTHER_KEY.verifier) }];
    },
    expected: ['unverifiable', 'untrusted_key', null],
  },
  {
    what: 'the same, and the auditor kept a checkpoint',
    forge: (staged) => {
      Object.assign(staged, otherHistory());
      staged.checkpoints = signedAt(staged, SIGNED_EVERY, OTHER_KEY);
    },
    options: { brought: [noteOver(stage(), 10)] },
    expected: ['forked', 'brought_checkpoint_differs', 1],
  },
  {
    what: 'two histories are signed with the same key',
    forge: (staged) => Object.assign(staged, otherHistory()),
    options: { brought: [noteOver(stage(), 10)] },
    expected: ['forked', 'checkpoints_contradict', 9],
  },
  {
    what: 'checkpoints of two histories stand side by side',
    forge: (staged) => staged.checkpoints.push({ size: 16, note: noteOver(otherHistory(), 16) }),
    expected: ['forked', 'checkpoints_contradict', 9],
  },
  { what: 'an old state is restored', forge: (staged) => Object.assign(staged, restoredAt(16)), expected: ['verified', 'verified', null] },
  {
    what: 'an old state is restored and the auditor kept a later checkpoint',
    forge: (staged) => Object.assign(staged, restoredAt(16)),
    options: { brought: [noteOver(stage(), 20)] },
    expected: ['truncated', 'checkpoint_ahead', restoredAt(16).events.length + 1],
  },
  {
    what: 'a checkpoint of another log',
    forge: (staged) => staged.checkpoints.push({ size: 4, note: noteOver(staged, 4, `${AUDIT_ORIGIN}/another`) }),
    expected: ['tampered', 'checkpoint_origin', null],
  },
  {
    what: 'a checkpoint that was altered',
    forge: (staged) => (staged.checkpoints[1] = { size: 16, note: staged.checkpoints[1]!.note.replace('\n16\n', '\n15\n') }),
    expected: ['tampered', 'checkpoint_altered', null],
  },
  {
    what: 'a brought checkpoint that was altered',
    forge: () => undefined,
    options: { brought: [noteOver(stage(), 10).replace('\n10\n', '\n11\n')] },
    expected: ['unverifiable', 'brought_checkpoint_refused', null],
  },
  { what: 'no checkpoint', forge: (staged) => (staged.checkpoints = []), expected: ['unverifiable', 'no_checkpoint', null] },
  {
    what: 'no checkpoint but one that the auditor kept',
    forge: (staged) => (staged.checkpoints = []),
    options: { brought: [noteOver(stage(), stage().events.length)] },
    expected: ['verified', 'verified', null],
  },
  {
    what: 'all checkpoints but an early one are gone',
    forge: (staged) => staged.checkpoints.splice(1),
    expected: ['unverifiable', 'not_signed_to_the_end', 9],
  },
  {
    what: 'nothing but a checkpoint of the empty log',
    forge: (staged) => (staged.checkpoints = [{ size: 0, note: noteOver(staged, 0) }]),
    expected: ['unverifiable', 'no_checkpoint', null],
  },
  {
    what: 'the log is given another name',
    forge: (staged) => (staged.origin = `${AUDIT_ORIGIN}/another`),
    expected: ['tampered', 'checkpoint_origin', null],
  },
  {
    what: 'the log is signed under another name, and the auditor kept a checkpoint of it as it was',
    forge: (staged) => {
      staged.origin = AUDIT_ORIGIN;
      staged.checkpoints = [{ size: 4, note: noteOver(staged, 4) }];
    },
    options: { brought: [noteOver(stage(), stage().events.length)] },
    expected: ['tampered', 'checkpoint_origin', null],
  },
  { what: 'no key', forge: () => undefined, options: { trusted: [] }, expected: ['unverifiable', 'no_key', null] },
  {
    what: 'no key, and a row is gone all the same',
    forge: ({ events }) => events.splice(4, 1),
    options: { trusted: [] },
    expected: ['tampered', 'event_missing', 5],
  },
  {
    what: 'no line',
    forge: (staged) => (staged.line = null),
    expected: ['unverifiable', 'line_missing', null],
    alone: ['verified', 'verified', null],
  },
  {
    what: 'a command of the line',
    forge: ({ records }) => (records[2] = { ...records[2]!, kind: 'command', command: reserve('r1', 'ann', 'A:1') }),
    expected: ['tampered', 'leaf_differs', 3],
    alone: ['verified', 'verified', null],
  },
  {
    what: 'a record of the line is gone',
    forge: ({ records }) => records.splice(2, 1),
    expected: ['tampered', 'line_broken', null],
    alone: ['verified', 'verified', null],
  },
  {
    what: 'the line is cut',
    forge: ({ records }) => records.splice(-4),
    expected: ['unverifiable', 'line_incomplete', null],
    alone: ['verified', 'verified', null],
  },
  {
    what: 'a command is said to be another sale’s',
    forge: ({ records }) => (records[2] = { kind: 'other_sale', offset: records[2]!.offset, timestamp: records[2]!.timestamp }),
    expected: ['tampered', 'leaf_differs', 3],
    alone: ['verified', 'verified', null],
  },
  {
    what: 'the terms that are given',
    forge: (staged) => (staged.terms = { ...TERMS, per_user_limit: 100 }),
    expected: ['tampered', 'terms_differ', 1],
  },
  {
    what: 'the head that is given',
    forge: (staged) => (staged.head = flip(staged.head, 0)),
    expected: ['tampered', 'head_differs', EVENTS],
  },
  {
    what: 'how the sale is said to stand',
    forge: (staged) => (staged.status = 'open'),
    expected: ['tampered', 'state_differs', null],
  },
  {
    what: 'a fault of the container',
    forge: (staged) => staged.faults.push({ verdict: 'unverifiable', code: 'file_missing', why: 'a file is missing' }),
    expected: ['unverifiable', 'file_missing', null],
  },
];

async function verdictOf({ forge, options }: Case, replay: boolean): Promise<readonly [string, string, number | null]> {
  const staged = stage();
  forge(staged);
  const { verdict, code, seq } = await verifyEvidence(evidenceOf(staged), { trusted: [KEY.verifier], replay, ...options });
  return [verdict, code, seq];
}

describe('what was done to a sale’s evidence, and the verdict', () => {
  test.each(CASES.map((one) => [one.what, one] as const))('%s', async (_what, one) => {
    expect(await verdictOf(one, true)).toEqual(one.expected);
  });
  test.each(CASES.map((one) => [one.what, one] as const))('without the line: %s', async (_what, one) => {
    expect(await verdictOf(one, false)).toEqual(one.alone ?? one.expected);
  });
});

it('has one of each thing in its log', () => {
  const types = new Set(stage().events.map(({ leaf }) => (JSON.parse(leaf.toString()) as { type: string }).type));
  expect([...types].sort()).toEqual([
    'checkout.requested',
    'order.confirmed',
    'order.failed',
    'payment.failed',
    'payment.succeeded',
    'refund.completed',
    'refund.requested',
    'reservation.cancelled',
    'reservation.created',
    'reservation.expired',
    'reservation.offered',
    'reservation.rejected',
    'reservation.released',
    'reservation.waitlisted',
    'sale.closed',
    'sale.opened',
    'sale.paused',
    'sale.resumed',
    'sale.scheduled',
    'stock.changed',
  ]);
});

describe('invariants, seen from the log alone', () => {
  /** A log that is right in form and chain and signed, and says something that may not be. */
  async function violatedBy(forge: (staged: StagedSale) => void): Promise<readonly string[]> {
    const staged = stage();
    forge(staged);
    rechain(staged, 1);
    staged.checkpoints = signedAt(staged, SIGNED_EVERY);
    const verdict = await verifyEvidence(evidenceOf(staged), { trusted: [KEY.verifier], replay: false });
    expect(verdict.code).toBe('invariant_violated');
    return verdict.invariants.filter(({ holds }) => !holds).map(({ id }) => id);
  }
  const counts = (event: Record<string, unknown>) => event['counts'] as Record<string, Record<string, number>>;

  test.each<[string, (staged: StagedSale) => void, string[]]>([
    ['more held than there is', (staged) => alter(staged, 3, (event) => (counts(event)['A']!['held'] = 5)), ['I1', 'I2']],
    ['less counted than held', (staged) => alter(staged, 3, (event) => (counts(event)['A']!['held'] = 1)), ['I2']],
    [
      'a request decided twice',
      (staged) => {
        const again = staged.events[seqOf('reservation.rejected', 3) - 1]!;
        staged.events.splice(seqOf('reservation.rejected', 3), 0, again);
      },
      ['I4'],
    ],
    [
      'the same request refused as another',
      (staged) => {
        const { fingerprint } = JSON.parse(staged.events[seqOf('reservation.created') - 1]!.leaf.toString()) as { fingerprint: string };
        alter(staged, seqOf('reservation.rejected'), (event) => (event['fingerprint'] = fingerprint));
      },
      ['I7'],
    ],
    [
      'a hold released before its deadline',
      (staged) => alter(staged, seqOf('reservation.created', 4), (event) => (event['expires_at'] = '2000-01-01T00:00:00.000Z')),
      ['I8'],
    ],
    ['a payment that leads to nothing', (staged) => staged.events.splice(seqOf('refund.requested') - 1, 2), ['I9']],
    ['a refund that never ends', (staged) => staged.events.splice(seqOf('refund.completed') - 1, 1), ['I9']],
  ])('%s', async (_what, forge, ids) => {
    expect(await violatedBy(forge)).toEqual(ids);
  });
});

it('tells how far it is, and stops where it is told to', async () => {
  const told: number[] = [];
  await verifyEvidence(evidenceOf(stage(), 10), { trusted: [KEY.verifier], onProgress: (done, of) => told.push(done, of) });
  expect(told.slice(0, 4)).toEqual([10, EVENTS, 20, EVENTS]);
  await expect(
    verifyEvidence(evidenceOf(stage()), { trusted: [KEY.verifier], signal: AbortSignal.abort(new Error('gone')) }),
  ).rejects.toThrow('gone');
});

it('does the same with pages of any size', async () => {
  for (const page of [1, 2, 100]) {
    const { verdict, replayed, signedThrough, checkpoints } = await verifyEvidence(evidenceOf(stage(), page), { trusted: [KEY.verifier] });
    expect([verdict, replayed, signedThrough, checkpoints]).toEqual(['verified', true, EVENTS, Math.ceil(EVENTS / SIGNED_EVERY)]);
  }
});

it('takes a record for an unknown sale for what it was to the writer', async () => {
  const staged = stage();
  staged.others.set('elsewhere' as SaleId, 900 as Offset);
  expect((await verifyEvidence(evidenceOf(staged), { trusted: [KEY.verifier] })).verdict).toBe('verified');
});
