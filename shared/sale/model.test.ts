import fc from 'fast-check';
import type { Command } from '#schemas/command.ts';
import type { EpochMs, Offset } from '#schemas/ids.ts';
import { advance, type Advanced, type Entry, FOLLOW_UPS_MAX } from './advance.ts';
import { checkInvariants } from './check-invariants.ts';
import { evolve } from './evolve.ts';
import { follow } from './follow.ts';
import { forget, learn, unknownTo } from './learn.ts';
import { restore } from './restore.ts';
import { initialState, isSettled, type SaleState, seqOf } from './state.ts';
import { operate, reservation, SALE, schedule, tick } from './testing/commands.ts';
import { entriesOf, histories } from './testing/histories.ts';
import { LedgerModel } from './testing/ledger-model.ts';
import { NaiveSale, type Told } from './testing/naive-sale.ts';
import { shown } from './testing/shown.ts';

const runs = { numRuns: fc.readConfigureGlobal().numRuns ?? 200 };

/** Few enough that a record leaves something to the next one, or as many as there are. */
const followUpsMax = fc.constantFrom(1, 2, 3, FOLLOW_UPS_MAX);

/** What a core decides that forgets nothing and is never lost. */
function uninterrupted(entries: readonly Entry[], followUps: number): readonly Advanced[] {
  const state = initialState(SALE);
  return entries.map((entry) => advance(state, entry, followUps));
}

/** Advances as the writer does: what memory lacks is looked up in the ledger first. */
function advanceWithLedger(state: SaleState, ledger: LedgerModel, entry: Entry, followUps: number): Advanced {
  if ('command' in entry) learn(state, ledger.prefetch(unknownTo(state, entry.command)));
  const advanced = advance(state, entry, followUps);
  for (const event of advanced.events) ledger.apply(event);
  return advanced;
}

/** Byte for byte, and much faster than `toEqual`, which is left to tell the difference. */
function expectSame(actual: unknown, expected: unknown, step: number): void {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) expect([step, actual]).toEqual([step, expected]);
}

function told({ events, answer }: Advanced): Told {
  return answer.kind === 'repeated' && events.length === 0 ? { repeated: answer.seq } : events.map(shown);
}

test('tells what a naive sale tells, and keeps its invariants', () => {
  fc.assert(
    fc.property(histories, followUpsMax, (history, followUps) => {
      const [scheduling, ...entries] = entriesOf(history);
      const state = initialState(SALE);
      const { events } = advance(state, scheduling!, followUps);
      const command = schedule('setup', history.terms) as Extract<Command, { type: 'sale.schedule' }>;
      const naive = new NaiveSale(history.terms, followUps, events.length === 2 ? 'open' : 'scheduled', command);
      entries.forEach((entry, step) => {
        const naively = 'command' in entry ? naive.take(entry.at, entry.command) : naive.takeMalformed(entry.at, entry.malformed.sha256);
        expectSame(told(advance(state, entry, followUps)), naively, step);
        expect(naive.isSettled()).toBe(isSettled(state));
        expectSame(checkInvariants(state), [], step);
      });
    }),
    runs,
  );
});

test('forgetting whatever is committed changes nothing', () => {
  fc.assert(
    fc.property(histories, followUpsMax, fc.infiniteStream(fc.nat({ max: 3 })), (history, followUps, dice) => {
      const entries = entriesOf(history);
      const expected = uninterrupted(entries, followUps);
      const state = initialState(SALE);
      const ledger = new LedgerModel();
      entries.forEach((entry, step) => {
        if (dice.next().value === 0) forget(state, seqOf(state));
        expectSame(advanceWithLedger(state, ledger, entry, followUps), expected[step], step);
      });
    }),
    runs,
  );
});

test('a restored sale goes on as the one that was lost', () => {
  fc.assert(
    fc.property(histories, followUpsMax, fc.nat({ max: 120 }), (history, followUps, place) => {
      const entries = entriesOf(history);
      const cut = 1 + (place % entries.length);
      const expected = uninterrupted(entries, followUps);
      const ledger = new LedgerModel();
      for (const { events } of expected.slice(0, cut)) for (const event of events) ledger.apply(event);
      const state = restore(ledger.snapshot());
      expect(checkInvariants(state)).toEqual([]);
      entries.slice(cut).forEach((entry, step) => {
        expectSame(advanceWithLedger(state, ledger, entry, followUps), expected[cut + step], step);
        expectSame(checkInvariants(state), [], step);
      });
    }),
    runs,
  );
});

test('a standby that only followed the events goes on as the one that decided them', () => {
  fc.assert(
    fc.property(histories, followUpsMax, fc.nat({ max: 120 }), (history, followUps, place) => {
      const entries = entriesOf(history);
      const cut = 1 + (place % entries.length);
      const expected = uninterrupted(entries, followUps);
      const state = initialState(SALE);
      for (const { events } of expected.slice(0, cut)) for (const event of events) evolve(state, event);
      entries.slice(cut).forEach((entry, step) => {
        expectSame(advance(state, entry, followUps), expected[cut + step], step);
      });
    }),
    runs,
  );
});

test('a standby that was restored, followed the events and forgot at will goes on as the one that decided them', () => {
  fc.assert(
    fc.property(histories, followUpsMax, fc.nat({ max: 120 }), fc.nat({ max: 120 }), fc.infiniteStream(fc.nat({ max: 3 })), (...given) => {
      const [history, followUps, place, farther, dice] = given;
      const entries = entriesOf(history);
      const loaded = 1 + (place % entries.length);
      const cut = loaded + (farther % (entries.length - loaded + 1));
      const expected = uninterrupted(entries, followUps);
      const ledger = new LedgerModel();
      for (const { events } of expected.slice(0, loaded)) for (const event of events) ledger.apply(event);
      const state = restore(ledger.snapshot());
      for (const { events } of expected.slice(loaded, cut)) {
        for (const event of events) {
          follow(state, event);
          ledger.apply(event);
          if (dice.next().value === 0) forget(state, seqOf(state));
        }
        expectSame(checkInvariants(state), [], seqOf(state));
      }
      entries.slice(cut).forEach((entry, step) => {
        expectSame(advanceWithLedger(state, ledger, entry, followUps), expected[cut + step], step);
        expectSame(checkInvariants(state), [], step);
      });
    }),
    runs,
  );
});

test('every captured payment ends confirmed or refunded, and a closed sale is settled in the end', () => {
  fc.assert(
    fc.property(histories, followUpsMax, (history, followUps) => {
      const entries = entriesOf(history);
      const state = initialState(SALE);
      const ledger = new LedgerModel();
      const captured = new Set<string>();
      const note = (entry: Entry): void => {
        for (const event of advanceWithLedger(state, ledger, entry, followUps).events) {
          if (event.type === 'payment.succeeded') captured.add(event.order_id);
        }
      };
      for (const entry of entries) note(entry);
      for (const [id, status] of ledger.orderStatuses()) {
        if (captured.has(id)) expect(['paid', 'refunding']).toContain(status === 'refunded' ? 'refunding' : status);
        else expect(['pending', 'failed']).toContain(status);
      }
      // The sale closes, every deadline passes, and the gateway has its last word about every order.
      const envelope = { v: 1, sale_id: SALE, request_id: 'end' } as const;
      let { at, offset }: { at: number; offset: number } = entries.at(-1)!;
      const take = (command: Command): void => note({ command, at: at as EpochMs, offset: ++offset as Offset });
      take(operate('at last', 'close'));
      at += 100_000_000;
      // As many as there can be holds and waiters: each record does a few.
      for (let ticks = 0; ticks < 100; ticks++) take(tick());
      for (const [order_id, status] of ledger.orderStatuses()) {
        const about = { ...envelope, order_id, reservation_id: reservation('any') };
        if (status === 'failed') take({ ...about, type: 'payment.failed', reason: 'declined' });
        if (status === 'refunding') take({ ...about, type: 'refund.completed', refund_id: 'refund' });
      }
      expect(isSettled(state)).toBe(true);
    }),
    runs,
  );
});
