import { REQUEST_REFUSALS, RESERVATION_REFUSALS, type Event } from '#schemas/event.ts';
import { PAYMENT_FACTS, PAYMENT_STATES, TRANSITIONS } from '#shared/payments/states.ts';
import { ORDER_TRANSITIONS, RESERVATION_TRANSITIONS, SALE_TRANSITIONS } from '#shared/sale/transitions.ts';
import type { Coverage } from './coverage-counts.ts';
import { ALL_FAULTS } from './faults.ts';

const reached: Coverage = new Map();
const count = (what: string): void => {
  reached.set(what, (reached.get(what) ?? 0) + 1);
};

type Table = Record<string, Record<string, unknown>>;

/** Makes a table count which of its pairs are looked up; the code that uses it does not notice. */
function watch(name: string, table: Table, mustBeReached: (outcome: unknown, state: string) => boolean): string[] {
  const wanted: string[] = [];
  for (const [state, row] of Object.entries(table)) {
    const watched: Record<string, unknown> = {};
    for (const [trigger, outcome] of Object.entries(row)) {
      const pair = `${name}: ${state}, ${trigger}`;
      if (mustBeReached(outcome, state)) wanted.push(pair);
      Object.defineProperty(watched, trigger, {
        enumerable: true,
        get() {
          count(pair);
          return outcome;
        },
      });
    }
    table[state] = watched;
  }
  return wanted;
}

/** Pairs that no history leads to, and why; checked to be pairs of the tables. */
const UNREACHABLE: Readonly<Record<string, string>> = {
  'reservation: refunding, cancel': 'a reservation does not go on from released or confirmed: its order does',
  'reservation: refunding, check_out': 'the same',
  'reservation: refunded, cancel': 'the same',
  'reservation: refunded, check_out': 'the same',
};

const pairs = [
  // A pair marked as a bug is one that must never be asked for: the core crashes.
  ...watch('reservation', RESERVATION_TRANSITIONS, (outcome) => outcome !== 'bug'),
  ...watch('order', ORDER_TRANSITIONS, (outcome) => outcome !== 'bug'),
  ...watch('sale', SALE_TRANSITIONS, () => true),
  // Most facts change nothing in most states; those that do are the table.
  ...watch('payment', TRANSITIONS, (outcome, state) => outcome !== state),
];

/** Everything that a long run must have reached. */
export const WANTED: readonly string[] = [
  ...ALL_FAULTS,
  ...pairs.filter((pair) => !(pair in UNREACHABLE)),
  ...RESERVATION_REFUSALS.map((reason) => `reservation refused: ${reason}`),
  ...REQUEST_REFUSALS.map((reason) => `request refused: ${reason}`),
];

for (const pair of Object.keys(UNREACHABLE))
  if (!pairs.includes(pair)) throw new Error(`"${pair}" is no pair of a table: mend UNREACHABLE`);
if (PAYMENT_STATES.some((state) => PAYMENT_FACTS.some((fact) => !(fact in TRANSITIONS[state])))) throw new Error('a table lost a pair');

export function countEvent(event: Event): void {
  if (event.type === 'reservation.rejected') count(`reservation refused: ${event.reason}`);
  if (event.type === 'request.rejected') count(`request refused: ${event.reason}`);
}

/** A fault's id, with or without its number. */
export function countFault(id: string): void {
  count(id.split('#')[0]!);
}

/** What this process has reached since it was last asked. */
export function takeCoverage(): Coverage {
  const taken = new Map(reached);
  reached.clear();
  return taken;
}

export const missingIn = (coverage: Coverage): string[] => WANTED.filter((what) => (coverage.get(what) ?? 0) === 0);
