import fc from 'fast-check';
import type { Command } from '#schemas/command.ts';
import type { EpochMs, Offset } from '#schemas/ids.ts';
import type { SaleTerms } from '#schemas/terms.ts';
import type { Entry } from '../advance.ts';
import { cancel, changeStock, checkOut, declined, operate, paid, refunded, reserve, schedule, termsOf, tick } from './commands.ts';

/** A record of the line, so many ms after the one before: a command, or bytes that are none. */
export type Step = { readonly afterMs: number } & Said;

type Said = { readonly command: Command } | { readonly malformed: { readonly sha256: string; readonly requestId: string } };

export interface History {
  /** Of a sale that is open from time 0, or scheduled until an operator opens it. */
  readonly terms: SaleTerms;
  readonly steps: readonly Step[];
}

/** Names used so far, so that what follows is mostly about something that exists. */
interface Cast {
  readonly terms: SaleTerms;
  readonly reservations: { name: string; user: string; asked: string; partial: boolean }[];
  readonly orders: { name: string; reservation: string; user: string }[];
  /** Keys of what operators and cancels ask for: one may come again for something else. */
  readonly keys: string[];
}

type Move = (cast: Cast) => Command;

/** Counted from the newest, which is the likeliest to be still in force. */
const back = fc.oneof({ weight: 6, arbitrary: fc.nat({ max: 3 }) }, { weight: 1, arbitrary: fc.nat({ max: 30 }) });
const dice = fc.nat({ max: 9 });
const userName = fc.nat({ max: 3 }).map((n) => `user${n}`);
const sku = fc.constantFrom('A', 'B', 'C');
const line = fc.tuple(sku, fc.integer({ min: 1, max: 3 })).map(([item, units]) => `${item}:${units}`);
const asked = fc.oneof(
  { weight: 8, arbitrary: line },
  {
    weight: 8,
    arbitrary: fc.uniqueArray(line, { minLength: 2, maxLength: 3, selector: (said) => said[0] }).map((lines) => lines.join(' ')),
  },
  { weight: 1, arbitrary: fc.constantFrom('X', 'A A', 'A X') },
);

function nth<T>(all: readonly T[], fromTheEnd: number): T | undefined {
  return all.at(-1 - (fromTheEnd % Math.max(1, all.length)));
}

/** A new key mostly; an old one at times. */
function keyFor(cast: Cast, roll: number, which: number): string {
  const earlier = roll === 0 ? nth(cast.keys, which) : undefined;
  if (earlier !== undefined) return earlier;
  cast.keys.push(`k${cast.keys.length}`);
  return cast.keys.at(-1)!;
}

/** A new key mostly; an old one at times, seldom with the same body. */
const reserving: fc.Arbitrary<Move> = fc
  .tuple(userName, asked, fc.boolean(), dice, back)
  .map(([user, said, partial, roll, which]) => (cast) => {
    const earlier = roll > 1 ? undefined : nth(cast.reservations, which);
    if (earlier === undefined) {
      const name = `r${cast.reservations.length}`;
      cast.reservations.push({ name, user, asked: said, partial });
      return reserve(name, user, said, { partial });
    }
    const content = roll === 0 ? 'other' : '';
    return reserve(earlier.name, earlier.user, earlier.asked, { partial: earlier.partial, content });
  });

const cancelling: fc.Arbitrary<Move> = fc.tuple(back, back, userName, dice, dice).map(([which, key, stranger, roll, again]) => (cast) => {
  const about = nth(cast.reservations, which) ?? { name: 'nobody', user: stranger };
  return cancel(keyFor(cast, again, key), about.name, roll === 9 ? stranger : about.user, about.name);
});

const checkingOut: fc.Arbitrary<Move> = fc.tuple(back, userName, dice).map(([which, stranger, roll]) => (cast) => {
  const again = roll < 2 ? nth(cast.orders, which) : undefined;
  if (again !== undefined) return checkOut(again.name, again.reservation, again.user, roll === 0 ? 'other' : '');
  const about = nth(cast.reservations, which) ?? { name: 'nobody', user: stranger };
  const order = { name: `o${cast.orders.length}`, reservation: about.name, user: roll === 9 ? stranger : about.user };
  cast.orders.push(order);
  return checkOut(order.name, order.reservation, order.user);
});

const gaveUp: typeof declined = (orderName, reservationName) => declined(orderName, reservationName, 'gave_up');
const settling: fc.Arbitrary<Move> = fc
  .tuple(back, fc.constantFrom(paid, paid, paid, declined, gaveUp, refunded, refunded))
  .map(([which, settle]) => (cast) => {
    const order = nth(cast.orders, which);
    return settle(order?.name ?? 'none', order?.reservation ?? 'none');
  });

const stocking: fc.Arbitrary<Move> = fc.tuple(fc.constantFrom('A', 'B', 'C', 'X'), fc.integer({ min: -3, max: 3 }), back, dice).map(
  ([item, delta, key, again]) =>
    (cast) =>
      changeStock(keyFor(cast, again, key), item, delta),
);

const verbs = ['open', 'open', 'pause', 'resume', 'resume', 'resume'] as const;
const operating: fc.Arbitrary<Move> = fc.tuple(fc.constantFrom(...verbs), fc.nat({ max: 49 }), back, dice).map(
  ([verb, closing, key, again]) =>
    (cast) =>
      operate(keyFor(cast, again, key), closing === 0 ? 'close' : verb),
);

/** Once more, by its own key or another, with its own terms or others. */
const scheduling: fc.Arbitrary<Move> = fc.tuple(back, dice, fc.boolean()).map(
  ([key, again, same]) =>
    (cast) =>
      schedule(again < 5 ? 'setup' : keyFor(cast, again - 5, key), same ? cast.terms : termsOf('A:1')),
);

const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 24, arbitrary: reserving },
  { weight: 6, arbitrary: cancelling },
  { weight: 14, arbitrary: checkingOut },
  { weight: 12, arbitrary: settling },
  { weight: 4, arbitrary: stocking },
  { weight: 3, arbitrary: operating },
  { weight: 1, arbitrary: scheduling },
  { weight: 4, arbitrary: fc.constant(() => tick()) },
);

const terms = fc
  .record({
    stock: fc.tuple(fc.nat({ max: 5 }), fc.nat({ max: 5 }), fc.nat({ max: 3 })),
    per_user_limit: fc.option(fc.integer({ min: 2, max: 8 }), { freq: 3 }),
    active_holds_per_user: fc.option(fc.integer({ min: 1, max: 3 }), { freq: 2 }),
    hold_seconds: fc.constantFrom(1, 3),
    payment_seconds: fc.constantFrom(1, 4),
    waitlist_limit: fc.constantFrom(0, 3, 10),
    late_payment: fc.constantFrom('refund' as const, 'reacquire' as const),
    on_payment_failure: fc.constantFrom('keep_hold' as const, 'release' as const),
    starts_at: fc.constantFrom('1970-01-01T00:00:00.000Z', '1970-01-01T00:00:00.000Z', '1970-01-01T00:00:00.001Z'),
  })
  .map(({ stock: [a, b, c], ...rest }) => termsOf(`A:${a} B:${b} C:${c}`, rest));

/** Often the same ms, often just at, just before or just after a deadline. */
const afterMs = fc.oneof(
  { weight: 12, arbitrary: fc.constant(0) },
  { weight: 6, arbitrary: fc.constantFrom(1, 100, 500, 999, 1000) },
  { weight: 1, arbitrary: fc.nat({ max: 5000 }) },
);

const malformed = { malformed: { sha256: '0'.repeat(64), requestId: 'nobody' } };

/** What may happen to a small sale: few users and items, so that they meet. */
export const histories: fc.Arbitrary<History> = fc
  .record({
    terms,
    moves: fc.array(
      fc.tuple(afterMs, fc.oneof({ weight: 50, arbitrary: move }, { weight: 1, arbitrary: fc.constant('malformed' as const) })),
      {
        minLength: 1,
        maxLength: 100,
        size: 'max',
      },
    ),
    opening: fc.nat({ max: 8 }),
  })
  .map(({ terms: agreed, moves, opening }) => {
    const cast: Cast = { terms: agreed, reservations: [], orders: [], keys: [] };
    const steps = moves.map(([after, make]): Step => ({ afterMs: after, ...(make === 'malformed' ? malformed : { command: make(cast) }) }));
    // Else a sale that is only scheduled would mostly refuse.
    if (Date.parse(agreed.starts_at) > 0) steps.splice(opening, 0, { afterMs: 1, command: operate('opening', 'open') });
    return { terms: agreed, steps };
  });

/** The line of such a sale, from the record that schedules it. */
export function entriesOf({ terms, steps }: History): Entry[] {
  let at = 0;
  return [
    { at: 0 as EpochMs, offset: 0 as Offset, command: schedule('setup', terms) },
    ...steps.map(({ afterMs, ...said }, step) => ({ at: (at += afterMs) as EpochMs, offset: (step + 1) as Offset, ...said })),
  ];
}
