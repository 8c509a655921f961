import type { EpochMs, Offset } from '#schemas/ids.ts';
import type { Evidence } from '#shared/evidence/evidence.ts';
import { hashLeaf } from '#shared/proof/leaf.ts';
import { EMPTY_HEAD, seal } from '#shared/proof/seal.ts';
import { advance } from '#shared/sale/advance.ts';
import { initialState } from '#shared/sale/state.ts';
import { checkOut, reserve, SALE, schedule, termsOf } from '#shared/sale/testing/commands.ts';
import { measureEvidence } from './measure-evidence.ts';

/** Leaves of a sale, as objects that a forger may change. */
function eventsOf(): Record<string, unknown>[] {
  const state = initialState(SALE);
  const commands = [schedule('setup', termsOf('A:2')), reserve('r0', 'ann', 'A'), checkOut('o0', 'r0', 'ann'), reserve('r1', 'bob', 'A:2')];
  const events = commands.flatMap((command, index) => [...advance(state, { offset: index as Offset, at: 100 as EpochMs, command }).events]);
  return seal(events, EMPTY_HEAD).sealed.map(({ leaf }) => JSON.parse(leaf) as Record<string, unknown>);
}

/** Chained anew, so that nothing but what was changed is wrong. */
function evidenceOf(events: readonly Record<string, unknown>[]): Evidence {
  let prev = EMPTY_HEAD;
  const page = events.map((event) => {
    const leaf = JSON.stringify({ ...event, prev }).replace('"@1e308@"', '1e308');
    prev = hashLeaf(leaf);
    return { leaf: Buffer.from(leaf), storedHash: null };
  });
  return {
    start: { saleId: SALE, auditedThrough: page.length } as unknown as Evidence['start'],
    async *events() {
      yield page;
    },
    line: () => null,
    async *checkpoints() {
      // None is signed.
    },
    keys: [],
    faults: () => [],
  };
}

const events = eventsOf();
const seqOf = (type: string): number => events.findIndex((event) => event['type'] === type) + 1;
const CREATED = 'reservation.created';

it('measures what nobody changed', async () => {
  expect(await measureEvidence(evidenceOf(events))).toMatchObject({ kind: 'measured' });
});

test.each<[string, Record<string, unknown>]>([
  [CREATED, { accepted_at: 'x' }],
  [CREATED, { accepted_at: '@1e308@' }],
  [CREATED, { accepted_at: 0 }],
  [CREATED, { accepted_at: null }],
  [CREATED, { accepted_at: undefined }],
  [CREATED, { accepted_at: '0000-01-01T00:00:00.000Z' }],
  [CREATED, { accepted_at: '+275760-09-13T00:00:00.000Z' }],
  [CREATED, { at: 'x' }],
  [CREATED, { at: undefined }],
  [CREATED, { at: [] }],
  [CREATED, { at: '1970-01-01T00:00:00.000Z' }],
  [CREATED, { expires_at: 'x' }],
  [CREATED, { counts: null }],
  [CREATED, { counts: 5 }],
  [CREATED, { counts: { A: null } }],
  [CREATED, { counts: { A: { total: 2, held: 'x', sold: 0 } } }],
  [CREATED, { counts: { A: { total: 2, held: 0.5, sold: 0 } } }],
  [CREATED, { counts: { A: { total: 2, sold: 0 } } }],
  [CREATED, { counts: { B: { total: 2, held: 0, sold: 0 } } }],
  [CREATED, { items: 5 }],
  [CREATED, { items: [null] }],
  [CREATED, { items: [{ sku: 'A', quantity: 'x' }] }],
  [CREATED, { items: [{ sku: 'A', quantity: 1e9 }] }],
  [CREATED, { items: [{ sku: '\u001b[2J', quantity: 1 }] }],
  [CREATED, { not_granted: {} }],
  [CREATED, { user: 5 }],
  [CREATED, { reservation_id: '\u001b[2J' }],
  [CREATED, { sale_id: { toString: 1 } }],
  [CREATED, { seq: 9 }],
  [CREATED, { type: 'reservation.invented' }],
  ['reservation.rejected', { reason: '\u001b[2J' }],
  ['reservation.rejected', { reason: { toString: 1 } }],
  ['checkout.requested', { amount: 'x' }],
  ['checkout.requested', { amount: undefined }],
  ['checkout.requested', { currency: '\u001b[2J' }],
  ['sale.scheduled', { terms: null }],
  ['sale.scheduled', { terms: { items: [{ sku: 'A', quantity: 'x' }] } }],
  ['sale.scheduled', { terms: { items: Array.from({ length: 10_001 }, () => 0) } }],
])('refuses, with its seq, a %s with %j', async (type, change) => {
  const seq = seqOf(type);
  expect(seq).toBeGreaterThan(0);
  const measured = await measureEvidence(evidenceOf(events.map((event, at) => (at === seq - 1 ? { ...event, ...change } : event))));
  expect(measured).toMatchObject({ kind: 'refused', seq });
  expect((measured as { readonly why: string }).why).not.toMatch(/\p{Cc}/u);
});

it.each(['null', '[]', '1', '"x"', ''])('refuses a leaf that is %s', async (leaf) => {
  const evidence = evidenceOf(events);
  const page = [{ leaf: Buffer.from(leaf), storedHash: null }];
  const forged: Evidence = {
    ...evidence,
    events: async function* () {
      yield page;
    },
  };
  expect(await measureEvidence(forged)).toMatchObject({ kind: 'refused', seq: 1 });
});
