import type { Command } from '#schemas/command.ts';
import type { EpochMs, Offset } from '#schemas/ids.ts';
import type { SaleTerms } from '#schemas/terms.ts';
import { advance, FOLLOW_UPS_MAX } from './advance.ts';
import { checkInvariants } from './check-invariants.ts';
import { initialState } from './state.ts';
import {
  cancel,
  changeStock,
  checkOut,
  declined,
  operate,
  order,
  paid,
  refunded,
  reservation,
  reserve,
  SALE,
  schedule,
  termsOf,
  tick,
  user,
} from './testing/commands.ts';
import { shown } from './testing/shown.ts';

/** At this time, in ms, this command leads to these events; or to an earlier answer, or to nothing. */
type Step = readonly [at: number, command: Command, events: readonly string[] | { readonly repeated: number }];

interface Story {
  readonly name: string;
  readonly terms: SaleTerms;
  /** Absent: as many as a record may have. */
  readonly followUpsMax?: number;
  readonly steps: readonly Step[];
}

function tell({ terms, followUpsMax, steps }: Story): void {
  const state = initialState(SALE);
  advance(state, { at: 0 as EpochMs, offset: 0 as Offset, command: schedule('setup', terms) });
  steps.forEach(([at, command, expected], step) => {
    const { events, answer } = advance(state, { at: at as EpochMs, offset: (step + 1) as Offset, command }, followUpsMax);
    const told = answer.kind === 'repeated' ? { repeated: answer.seq } : events.map(shown);
    expect([step, told]).toEqual([step, expected]);
    expect(checkInvariants(state)).toEqual([]);
  });
}

const waitlist = { waitlist_limit: 10 };

const stories: Record<string, readonly Story[]> = {
  reservations: [
    {
      name: 'one item is held',
      terms: termsOf('A:5'),
      steps: [[5, reserve('r1', 'ann', 'A:2'), ['reservation.created r1 A:2 until 10005 {A 5/2/0}']]],
    },
    {
      name: 'several items are held together',
      terms: termsOf('A:5 B:5 C:5'),
      steps: [[0, reserve('r1', 'ann', 'C:2 A'), ['reservation.created r1 C:2 A:1 until 10000 {A 5/1/0, C 5/2/0}']]],
    },
    {
      name: 'the last unit is sold out for the next',
      terms: termsOf('A:1'),
      steps: [
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 1/1/0}']],
        [0, reserve('r2', 'bob', 'A'), ['reservation.rejected r2 sold_out']],
      ],
    },
    {
      name: 'more than is left is insufficient, nothing left is sold out',
      terms: termsOf('A:1 B:5 C:0'),
      steps: [
        [0, reserve('r1', 'ann', 'A:2 B'), ['reservation.rejected r1 insufficient_stock']],
        [0, reserve('r2', 'ann', 'A:2 C B'), ['reservation.rejected r2 sold_out']],
      ],
    },
    {
      name: 'an item the sale has not, even where another is sold out',
      terms: termsOf('A:0'),
      steps: [[0, reserve('r1', 'ann', 'A X'), ['reservation.rejected r1 unknown_item']]],
    },
    {
      name: 'the same sku twice is malformed whatever else is wrong',
      terms: termsOf('A:5', { starts_at: '1970-01-01T01:00:00.000Z' }),
      steps: [
        [0, reserve('r1', 'ann', 'A A'), ['reservation.rejected r1 malformed']],
        [0, reserve('r1', 'ann', 'A A'), { repeated: 2 }],
      ],
    },
    {
      name: 'the state of the sale comes before everything about items',
      terms: termsOf('A:0', { starts_at: '1970-01-01T01:00:00.000Z' }),
      steps: [
        [0, reserve('r1', 'ann', 'X'), ['reservation.rejected r1 sale_not_open']],
        [0, operate('o1', 'open'), ['sale.opened by o1']],
        [0, operate('o2', 'pause'), ['sale.paused by o2']],
        [0, reserve('r2', 'ann', 'X'), ['reservation.rejected r2 sale_paused']],
        [0, operate('o3', 'close'), ['sale.closed by o3']],
        [0, reserve('r3', 'ann', 'X'), ['reservation.rejected r3 sale_closed']],
      ],
    },
    {
      name: 'a sku may be called __proto__',
      terms: termsOf('__proto__:2 A:2'),
      steps: [
        [0, reserve('r1', 'ann', '__proto__'), ['reservation.created r1 __proto__:1 until 10000 {__proto__ 2/1/0}']],
        [0, reserve('r2', 'ann', '__proto__ A'), ['reservation.created r2 __proto__:1 A:1 until 10000 {A 2/1/0, __proto__ 2/2/0}']],
        [0, reserve('r3', 'ann', '__proto__'), ['reservation.rejected r3 sold_out']],
      ],
    },
  ],
  idempotency: [
    {
      name: 'the same key is answered by the same event, another body is a conflict that changes nothing',
      terms: termsOf('A:5'),
      steps: [
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 5/1/0}']],
        [1, reserve('r1', 'ann', 'A'), { repeated: 3 }],
        [2, reserve('r1', 'ann', 'A:2'), ['reservation.rejected r1 idempotency_conflict']],
        [3, reserve('r1', 'ann', 'A:2'), ['reservation.rejected r1 idempotency_conflict']],
        [4, reserve('r1', 'ann', 'A'), { repeated: 3 }],
        [5, cancel('c1', 'r1', 'ann'), ['reservation.cancelled r1 by c1 {A 5/0/0}']],
        [6, reserve('r1', 'ann', 'A'), { repeated: 3 }],
      ],
    },
    {
      name: 'comes before business rules: a refusal stays a refusal, a hold a hold, whatever has changed',
      terms: termsOf('A:1'),
      steps: [
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 1/1/0}']],
        [0, reserve('r2', 'bob', 'A'), ['reservation.rejected r2 sold_out']],
        [1, changeStock('s1', 'A', 5), ['stock.changed by s1 {A 6/1/0}']],
        [2, reserve('r2', 'bob', 'A'), { repeated: 4 }],
        [3, operate('o1', 'close'), ['sale.closed by o1']],
        [4, reserve('r1', 'ann', 'A'), { repeated: 3 }],
        [5, reserve('r2', 'bob', 'A:2'), ['reservation.rejected r2 idempotency_conflict']],
      ],
    },
    {
      name: 'of every other request',
      terms: termsOf('A:5'),
      steps: [
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 5/1/0}']],
        [0, checkOut('o1', 'r1', 'ann'), ['checkout.requested o1 r1 100 EUR until 60000']],
        [0, checkOut('o1', 'r1', 'ann'), { repeated: 4 }],
        [0, checkOut('o1', 'r1', 'ann', 'other'), ['request.rejected checkout.request r1 by o1 idempotency_conflict']],
        [0, cancel('c1', 'r1', 'ann'), ['request.rejected reservation.cancel r1 by c1 not_cancellable paying']],
        [0, cancel('c1', 'r1', 'ann'), { repeated: 6 }],
        [0, cancel('c1', 'r1', 'ann', 'other'), ['request.rejected reservation.cancel r1 by c1 idempotency_conflict']],
        [0, cancel('c1', 'r1', 'ann'), { repeated: 6 }],
        [0, changeStock('s1', 'A', 1), ['stock.changed by s1 {A 6/1/0}']],
        [0, changeStock('s1', 'A', 1), { repeated: 8 }],
        [0, changeStock('s1', 'A', 2), ['request.rejected stock.change by s1 idempotency_conflict']],
        [0, operate('p1', 'pause'), ['sale.paused by p1']],
        [0, operate('p1', 'pause'), { repeated: 10 }],
        [0, operate('p1', 'close'), ['request.rejected sale.close by p1 idempotency_conflict']],
      ],
    },
  ],
  'life of a sale': [
    {
      name: 'scheduled twice',
      terms: termsOf('A:5'),
      steps: [
        [0, schedule('setup', termsOf('A:5')), { repeated: 1 }],
        [0, schedule('setup', termsOf('A:6')), ['request.rejected sale.schedule by setup idempotency_conflict']],
        [0, schedule('again', termsOf('A:5')), ['request.rejected sale.schedule by again invalid_transition']],
      ],
    },
    {
      name: 'holds live on after the close and may be paid',
      terms: termsOf('A:5'),
      steps: [
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 5/1/0}']],
        [1, operate('x', 'close'), ['sale.closed by x']],
        [2, checkOut('o1', 'r1', 'ann'), ['checkout.requested o1 r1 100 EUR until 60002']],
        [3, paid('o1', 'r1'), ['payment.succeeded o1 r1', 'order.confirmed o1 r1 {A 5/0/1}']],
      ],
    },
    {
      name: 'stock',
      terms: termsOf('A:2'),
      steps: [
        [0, changeStock('s0', 'X', 1), ['request.rejected stock.change by s0 unknown_item']],
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 2/1/0}']],
        [0, changeStock('s1', 'A', -2), ['request.rejected stock.change by s1 stock_below_committed']],
        [0, changeStock('s2', 'A', -1), ['stock.changed by s2 {A 1/1/0}']],
        [0, changeStock('s3', 'A', 100_000_000), ['stock.changed by s3 {A 100000001/1/0}']],
        ...Array.from({ length: 30 }, (_, n): Step => [
          0,
          changeStock(`more ${n}`, 'A', 100_000_000),
          [`stock.changed by more ${n} {A ${100_000_001 + (n + 1) * 100_000_000}/1/0}`],
        ]),
      ],
    },
  ],
  expiry: [
    {
      name: 'one ms before the deadline the hold lives, at the deadline it has ended before the command is decided',
      terms: termsOf('A:1'),
      steps: [
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 1/1/0}']],
        [9_999, tick(), []],
        [9_999, reserve('r2', 'bob', 'A'), ['reservation.rejected r2 sold_out']],
        [10_000, reserve('r3', 'cyd', 'A'), ['reservation.expired r1 {A 1/0/0}', 'reservation.created r3 A:1 until 20000 {A 1/1/0}']],
        [
          20_000,
          cancel('c1', 'r3', 'cyd'),
          ['reservation.expired r3 {A 1/0/0}', 'request.rejected reservation.cancel r3 by c1 not_cancellable released'],
        ],
      ],
    },
    {
      name: 'in the order of deadlines, then of decisions',
      terms: termsOf('A:9', { payment_seconds: 11 }),
      steps: [
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 9/1/0}']],
        [0, reserve('r2', 'bob', 'A'), ['reservation.created r2 A:1 until 10000 {A 9/2/0}']],
        [1_000, reserve('r3', 'cyd', 'A'), ['reservation.created r3 A:1 until 11000 {A 9/3/0}']],
        [1_000, checkOut('o1', 'r1', 'ann'), ['checkout.requested o1 r1 100 EUR until 12000']],
        [2_000, reserve('r4', 'dan', 'A'), ['reservation.created r4 A:1 until 12000 {A 9/4/0}']],
        [
          50_000,
          tick(),
          [
            'reservation.expired r2 {A 9/3/0}',
            'reservation.expired r3 {A 9/2/0}',
            'order.failed o1 r1 deadline released',
            'reservation.released r1 payment_failed {A 9/1/0}',
            'reservation.expired r4 {A 9/0/0}',
          ],
        ],
      ],
    },
  ],
  limits: [
    {
      name: 'units held or bought count, what is released is given back',
      terms: termsOf('A:9', { per_user_limit: 3 }),
      steps: [
        [0, reserve('r0', 'ann', 'A:4'), ['reservation.rejected r0 per_user_limit']],
        [0, reserve('r1', 'ann', 'A:2'), ['reservation.created r1 A:2 until 10000 {A 9/2/0}']],
        [0, reserve('r2', 'ann', 'A:2'), ['reservation.rejected r2 per_user_limit']],
        [0, reserve('r3', 'bob', 'A:2'), ['reservation.created r3 A:2 until 10000 {A 9/4/0}']],
        [0, reserve('r4', 'ann', 'A'), ['reservation.created r4 A:1 until 10000 {A 9/5/0}']],
        [0, cancel('c1', 'r1', 'ann'), ['reservation.cancelled r1 by c1 {A 9/3/0}']],
        [0, checkOut('o1', 'r4', 'ann'), ['checkout.requested o1 r4 100 EUR until 60000']],
        [0, paid('o1', 'r4'), ['payment.succeeded o1 r4', 'order.confirmed o1 r4 {A 9/2/1}']],
        [0, reserve('r5', 'ann', 'A:3'), ['reservation.rejected r5 per_user_limit']],
        [0, reserve('r6', 'ann', 'A:2'), ['reservation.created r6 A:2 until 10000 {A 9/4/1}']],
      ],
    },
    {
      name: 'the limit comes before what is left',
      terms: termsOf('A:1', { per_user_limit: 1, ...waitlist }),
      steps: [
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 1/1/0}']],
        [0, reserve('r2', 'ann', 'A'), ['reservation.rejected r2 per_user_limit']],
        [0, reserve('r3', 'ann', 'A', { partial: true }), ['reservation.rejected r3 per_user_limit']],
      ],
    },
    {
      name: 'active holds: held or paying ones count, bought ones do not',
      terms: termsOf('A:9', { active_holds_per_user: 1, per_user_limit: 5 }),
      steps: [
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 9/1/0}']],
        [0, reserve('r2', 'ann', 'A:9'), ['reservation.rejected r2 active_hold_exists']],
        [0, checkOut('o1', 'r1', 'ann'), ['checkout.requested o1 r1 100 EUR until 60000']],
        [0, reserve('r3', 'ann', 'A'), ['reservation.rejected r3 active_hold_exists']],
        [0, paid('o1', 'r1'), ['payment.succeeded o1 r1', 'order.confirmed o1 r1 {A 9/0/1}']],
        [0, reserve('r4', 'ann', 'A'), ['reservation.created r4 A:1 until 10000 {A 9/1/1}']],
      ],
    },
  ],
  partial: [
    {
      name: 'each line gets what is left of it',
      terms: termsOf('A:1 B:5 C:0'),
      steps: [
        [
          0,
          reserve('r1', 'ann', 'A:3 B:2 C', { partial: true }),
          ['reservation.created r1 A:1 B:2 not A:2 insufficient_stock not C:1 sold_out until 10000 {A 1/1/0, B 5/2/0}'],
        ],
        [0, reserve('r2', 'ann', 'A:3 C', { partial: true }), ['reservation.rejected r2 sold_out']],
      ],
    },
    {
      name: 'the limit is shared out in the order of the lines',
      terms: termsOf('A:5 B:5 C:0', { per_user_limit: 3 }),
      steps: [
        [
          0,
          reserve('r1', 'ann', 'A:2 B:2 C', { partial: true }),
          ['reservation.created r1 A:2 B:1 not B:1 per_user_limit not C:1 sold_out until 10000 {A 5/2/0, B 5/1/0}'],
        ],
        [0, reserve('r2', 'ann', 'A', { partial: true }), ['reservation.rejected r2 per_user_limit']],
      ],
    },
  ],
  waitlist: [
    {
      name: 'in order, up to its limit; an offer is a hold with a deadline of its own',
      terms: termsOf('A:1', { waitlist_limit: 2 }),
      steps: [
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 1/1/0}']],
        [1, reserve('r2', 'bob', 'A'), ['reservation.waitlisted r2 A:1']],
        [2, reserve('r3', 'cyd', 'A'), ['reservation.waitlisted r3 A:1']],
        [3, reserve('r4', 'dan', 'A'), ['reservation.rejected r4 sold_out']],
        [4, cancel('c1', 'r1', 'ann'), ['reservation.cancelled r1 by c1 {A 1/0/0}', 'reservation.offered r2 A:1 until 10004 {A 1/1/0}']],
        [5, reserve('r5', 'eve', 'A'), ['reservation.waitlisted r5 A:1']],
        [10_004, tick(), ['reservation.expired r2 {A 1/0/0}', 'reservation.offered r3 A:1 until 20004 {A 1/1/0}']],
        [10_005, cancel('c2', 'r5', 'eve'), ['reservation.cancelled r5 by c2 {}']],
        [10_006, cancel('c3', 'r5', 'eve'), ['request.rejected reservation.cancel r5 by c3 not_cancellable released']],
        [20_004, tick(), ['reservation.expired r3 {A 1/0/0}']],
      ],
    },
    {
      name: 'a quantity that the sale never had does not wait',
      terms: termsOf('A:1 B:0', waitlist),
      steps: [
        [0, reserve('r1', 'ann', 'A:2'), ['reservation.rejected r1 insufficient_stock']],
        [0, reserve('r2', 'ann', 'B'), ['reservation.rejected r2 sold_out']],
        [0, reserve('r3', 'ann', 'B', { partial: true }), ['reservation.waitlisted r3 B:1']],
      ],
    },
    {
      name: 'nobody overtakes: the first who needs more than is free blocks the item for all behind him and for newcomers',
      terms: termsOf('A:3', waitlist),
      steps: [
        [0, reserve('r1', 'ann', 'A:2'), ['reservation.created r1 A:2 until 10000 {A 3/2/0}']],
        [0, reserve('r2', 'bob', 'A:3'), ['reservation.waitlisted r2 A:3']],
        [0, reserve('r3', 'cyd', 'A'), ['reservation.waitlisted r3 A:1']],
        [0, reserve('r4', 'dan', 'A', { partial: true }), ['reservation.waitlisted r4 A:1']],
        [1, changeStock('s1', 'A', 1), ['stock.changed by s1 {A 4/2/0}']],
        [
          2,
          cancel('c2', 'r2', 'bob'),
          [
            'reservation.cancelled r2 by c2 {}',
            'reservation.offered r3 A:1 until 10002 {A 4/3/0}',
            'reservation.offered r4 A:1 until 10002 {A 4/4/0}',
          ],
        ],
      ],
    },
    {
      name: 'who lacks another item does not block what he has enough of',
      terms: termsOf('A:1 B:1', waitlist),
      steps: [
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 1/1/0}']],
        [0, reserve('r2', 'bob', 'B'), ['reservation.created r2 B:1 until 10000 {B 1/1/0}']],
        [0, reserve('r3', 'cyd', 'A B'), ['reservation.waitlisted r3 A:1 B:1']],
        [0, reserve('r4', 'dan', 'A'), ['reservation.waitlisted r4 A:1']],
        [0, reserve('r5', 'eve', 'B'), ['reservation.waitlisted r5 B:1']],
        // r3 has A now but lacks B: r4 is served.
        [1, cancel('c1', 'r1', 'ann'), ['reservation.cancelled r1 by c1 {A 1/0/0}', 'reservation.offered r4 A:1 until 10001 {A 1/1/0}']],
        // r3 has B now but lacks A: r5 is served.
        [2, cancel('c2', 'r2', 'bob'), ['reservation.cancelled r2 by c2 {B 1/0/0}', 'reservation.offered r5 B:1 until 10002 {B 1/1/0}']],
        [3, cancel('c4', 'r4', 'dan'), ['reservation.cancelled r4 by c4 {A 1/0/0}']],
        [
          4,
          cancel('c5', 'r5', 'eve'),
          ['reservation.cancelled r5 by c5 {B 1/0/0}', 'reservation.offered r3 A:1 B:1 until 10004 {A 1/1/0, B 1/1/0}'],
        ],
      ],
    },
    {
      name: 'who stands before somebody and lacks another item does not block him, whatever those behind him need',
      terms: termsOf('A:2 B:1', waitlist),
      steps: [
        [0, reserve('r0', 'ann', 'A:2 B'), ['reservation.created r0 A:2 B:1 until 10000 {A 2/2/0, B 1/1/0}']],
        [0, reserve('r1', 'bob', 'A B'), ['reservation.waitlisted r1 A:1 B:1']],
        [0, reserve('r2', 'cyd', 'A'), ['reservation.waitlisted r2 A:1']],
        [0, reserve('r3', 'dan', 'A:2'), ['reservation.waitlisted r3 A:2']],
        [1, changeStock('s1', 'A', 1), ['stock.changed by s1 {A 3/2/0}', 'reservation.offered r2 A:1 until 10001 {A 3/3/0}']],
      ],
    },
    {
      name: 'who takes what he gets is served as soon as there is anything',
      terms: termsOf('A:2 B:1', waitlist),
      steps: [
        [0, reserve('r1', 'ann', 'A:2 B'), ['reservation.created r1 A:2 B:1 until 10000 {A 2/2/0, B 1/1/0}']],
        [0, reserve('r2', 'bob', 'A:2 B', { partial: true }), ['reservation.waitlisted r2 A:2 B:1']],
        [
          1,
          changeStock('s1', 'A', 1),
          ['stock.changed by s1 {A 3/2/0}', 'reservation.offered r2 A:1 not A:1 insufficient_stock not B:1 sold_out until 10001 {A 3/3/0}'],
        ],
      ],
    },
    {
      name: 'who is over a limit when his turn comes is turned away, and the next is served',
      terms: termsOf('A:2 B:5', { ...waitlist, per_user_limit: 2 }),
      steps: [
        [0, reserve('r1', 'ann', 'A:2'), ['reservation.created r1 A:2 until 10000 {A 2/2/0}']],
        [0, reserve('r2', 'bob', 'A'), ['reservation.waitlisted r2 A:1']],
        [0, reserve('r3', 'cyd', 'A'), ['reservation.waitlisted r3 A:1']],
        [0, reserve('r4', 'bob', 'B:2'), ['reservation.created r4 B:2 until 10000 {B 5/2/0}']],
        [
          1,
          cancel('c1', 'r1', 'ann'),
          [
            'reservation.cancelled r1 by c1 {A 2/0/0}',
            'reservation.rejected r2 per_user_limit',
            'reservation.offered r3 A:1 until 10001 {A 2/1/0}',
          ],
        ],
      ],
    },
    {
      name: 'up to the limit he is served, also in part, and beyond it told that it is the limit',
      terms: termsOf('A:4 B:5', { ...waitlist, per_user_limit: 2 }),
      steps: [
        [0, reserve('r0', 'ann', 'A:2'), ['reservation.created r0 A:2 until 10000 {A 4/2/0}']],
        [0, reserve('r1', 'eve', 'A:2'), ['reservation.created r1 A:2 until 10000 {A 4/4/0}']],
        [0, reserve('r2', 'bob', 'A', { partial: true }), ['reservation.waitlisted r2 A:1']],
        [0, reserve('r3', 'cyd', 'A:2'), ['reservation.waitlisted r3 A:2']],
        [0, reserve('r4', 'dan', 'A:2', { partial: true }), ['reservation.waitlisted r4 A:2']],
        [0, reserve('r5', 'bob', 'B:2'), ['reservation.created r5 B:2 until 10000 {B 5/2/0}']],
        [0, reserve('r6', 'dan', 'B'), ['reservation.created r6 B:1 until 10000 {B 5/3/0}']],
        [
          1,
          cancel('c0', 'r0', 'ann'),
          [
            'reservation.cancelled r0 by c0 {A 4/2/0}',
            'reservation.rejected r2 per_user_limit',
            'reservation.offered r3 A:2 until 10001 {A 4/4/0}',
          ],
        ],
        [
          2,
          cancel('c1', 'r1', 'eve'),
          ['reservation.cancelled r1 by c1 {A 4/2/0}', 'reservation.offered r4 A:1 not A:1 per_user_limit until 10002 {A 4/3/0}'],
        ],
      ],
    },
    {
      name: 'where several items come back at once, who has waited longest is first, whichever he waits for',
      terms: termsOf('A:1 B:1', waitlist),
      steps: [
        [0, reserve('r1', 'ann', 'A B'), ['reservation.created r1 A:1 B:1 until 10000 {A 1/1/0, B 1/1/0}']],
        [0, reserve('r2', 'bob', 'B'), ['reservation.waitlisted r2 B:1']],
        [0, reserve('r3', 'cyd', 'A'), ['reservation.waitlisted r3 A:1']],
        [
          1,
          cancel('c1', 'r1', 'ann'),
          [
            'reservation.cancelled r1 by c1 {A 1/0/0, B 1/0/0}',
            'reservation.offered r2 B:1 until 10001 {B 1/1/0}',
            'reservation.offered r3 A:1 until 10001 {A 1/1/0}',
          ],
        ],
      ],
    },
    {
      name: 'who has a hold in force when his turn comes is turned away where the sale allows one',
      terms: termsOf('A:1 B:5', { ...waitlist, active_holds_per_user: 1 }),
      steps: [
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 1/1/0}']],
        [0, reserve('r2', 'bob', 'A'), ['reservation.waitlisted r2 A:1']],
        [1, reserve('r3', 'bob', 'B'), ['reservation.created r3 B:1 until 10001 {B 5/1/0}']],
        [10_000, tick(), ['reservation.expired r1 {A 1/0/0}', 'reservation.rejected r2 active_hold_exists']],
      ],
    },
    {
      name: 'who waits for more than there is any more is turned away',
      terms: termsOf('A:3', waitlist),
      steps: [
        [0, reserve('r1', 'ann', 'A:2'), ['reservation.created r1 A:2 until 10000 {A 3/2/0}']],
        [0, reserve('r2', 'bob', 'A:3'), ['reservation.waitlisted r2 A:3']],
        [0, reserve('r3', 'cyd', 'A:2'), ['reservation.waitlisted r3 A:2']],
        [1, changeStock('s1', 'A', -1), ['stock.changed by s1 {A 2/2/0}', 'reservation.rejected r2 insufficient_stock']],
        [10_000, tick(), ['reservation.expired r1 {A 2/0/0}', 'reservation.offered r3 A:2 until 20000 {A 2/2/0}']],
      ],
    },
    {
      name: 'each expiry is followed by the offers it makes possible',
      terms: termsOf('A:2', waitlist),
      steps: [
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 2/1/0}']],
        [0, reserve('r2', 'bob', 'A'), ['reservation.created r2 A:1 until 10000 {A 2/2/0}']],
        [0, reserve('r3', 'cyd', 'A'), ['reservation.waitlisted r3 A:1']],
        [0, reserve('r4', 'dan', 'A'), ['reservation.waitlisted r4 A:1']],
        [
          10_500,
          tick(),
          [
            'reservation.expired r1 {A 2/1/0}',
            'reservation.offered r3 A:1 until 20500 {A 2/2/0}',
            'reservation.expired r2 {A 2/1/0}',
            'reservation.offered r4 A:1 until 20500 {A 2/2/0}',
          ],
        ],
      ],
    },
    {
      name: 'is turned away at the close, in its order across items, while holds live on',
      terms: termsOf('A:1 B:1', waitlist),
      steps: [
        [0, reserve('r1', 'ann', 'A B'), ['reservation.created r1 A:1 B:1 until 10000 {A 1/1/0, B 1/1/0}']],
        [0, reserve('r2', 'bob', 'B'), ['reservation.waitlisted r2 B:1']],
        [0, reserve('r3', 'cyd', 'A'), ['reservation.waitlisted r3 A:1']],
        [0, reserve('r4', 'dan', 'A B'), ['reservation.waitlisted r4 A:1 B:1']],
        [
          1,
          operate('x', 'close'),
          [
            'sale.closed by x',
            'reservation.rejected r2 sale_closed',
            'reservation.rejected r3 sale_closed',
            'reservation.rejected r4 sale_closed',
          ],
        ],
        [10_000, tick(), ['reservation.expired r1 {A 1/0/0, B 1/0/0}']],
      ],
    },
    {
      name: 'a waiter cannot check out',
      terms: termsOf('A:1', waitlist),
      steps: [
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 1/1/0}']],
        [0, reserve('r2', 'bob', 'A'), ['reservation.waitlisted r2 A:1']],
        [0, checkOut('o1', 'r2', 'bob'), ['request.rejected checkout.request r2 by o1 reservation_not_held waitlisted']],
      ],
    },
  ],
  'cancel and checkout': [
    {
      name: "another's reservation is not found",
      terms: termsOf('A:1'),
      steps: [
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 1/1/0}']],
        [0, reserve('r2', 'ann', 'A'), ['reservation.rejected r2 sold_out']],
        [0, cancel('c1', 'r1', 'bob'), ['request.rejected reservation.cancel r1 by c1 reservation_not_found']],
        [0, cancel('c2', 'r9', 'ann'), ['request.rejected reservation.cancel r9 by c2 reservation_not_found']],
        [0, cancel('c3', 'r2', 'bob'), ['request.rejected reservation.cancel r2 by c3 reservation_not_found']],
        [0, cancel('c4', 'r2', 'ann'), ['request.rejected reservation.cancel r2 by c4 not_cancellable rejected']],
        [0, checkOut('o1', 'r1', 'bob'), ['request.rejected checkout.request r1 by o1 reservation_not_found']],
        [0, checkOut('o2', 'r2', 'ann'), ['request.rejected checkout.request r2 by o2 reservation_not_held rejected']],
      ],
    },
    {
      name: 'checkout extends the hold once, to the later of both deadlines',
      terms: termsOf('A:5', { hold_seconds: 100, payment_seconds: 60 }),
      steps: [
        [0, reserve('r1', 'ann', 'A:3'), ['reservation.created r1 A:3 until 100000 {A 5/3/0}']],
        [10, checkOut('o1', 'r1', 'ann'), ['checkout.requested o1 r1 300 EUR until 100000']],
        [20, checkOut('o2', 'r1', 'ann'), ['request.rejected checkout.request r1 by o2 reservation_not_held paying']],
        [99_000, declined('o1', 'r1'), ['payment.failed o1 r1 declined', 'order.failed o1 r1 declined held']],
        [99_000, checkOut('o3', 'r1', 'ann'), ['checkout.requested o3 r1 300 EUR until 100000']],
        [100_000, tick(), ['order.failed o3 r1 deadline released', 'reservation.released r1 payment_failed {A 5/0/0}']],
        [100_000, checkOut('o4', 'r1', 'ann'), ['request.rejected checkout.request r1 by o4 reservation_not_held released']],
      ],
    },
    {
      name: 'a confirmed reservation can be neither cancelled nor paid again',
      terms: termsOf('A:5'),
      steps: [
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 5/1/0}']],
        [0, checkOut('o1', 'r1', 'ann'), ['checkout.requested o1 r1 100 EUR until 60000']],
        [59_999, paid('o1', 'r1'), ['payment.succeeded o1 r1', 'order.confirmed o1 r1 {A 5/0/1}']],
        [60_000, paid('o1', 'r1'), []],
        [60_000, declined('o1', 'r1'), []],
        [60_000, refunded('o1', 'r1'), []],
        [60_000, cancel('c1', 'r1', 'ann'), ['request.rejected reservation.cancel r1 by c1 not_cancellable confirmed']],
        [60_000, checkOut('o2', 'r1', 'ann'), ['request.rejected checkout.request r1 by o2 reservation_not_held confirmed']],
      ],
    },
  ],
  payments: [
    {
      name: 'failed, keep_hold: held again until the extended deadline, and may be paid by another order',
      terms: termsOf('A:5'),
      steps: [
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 5/1/0}']],
        [0, checkOut('o1', 'r1', 'ann'), ['checkout.requested o1 r1 100 EUR until 60000']],
        [1, declined('o1', 'r1'), ['payment.failed o1 r1 declined', 'order.failed o1 r1 declined held']],
        [2, declined('o1', 'r1'), []],
        [2, paid('o1', 'r1'), ['payment.succeeded o1 r1 late', 'refund.requested o1 r1 100 EUR']],
        [3, checkOut('o2', 'r1', 'ann'), ['checkout.requested o2 r1 100 EUR until 60000']],
        [4, paid('o2', 'r1'), ['payment.succeeded o2 r1', 'order.confirmed o2 r1 {A 5/0/1}']],
      ],
    },
    {
      name: 'failed, release: the waitlist is offered it',
      terms: termsOf('A:1', { ...waitlist, on_payment_failure: 'release' }),
      steps: [
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 1/1/0}']],
        [0, reserve('r2', 'bob', 'A'), ['reservation.waitlisted r2 A:1']],
        [0, checkOut('o1', 'r1', 'ann'), ['checkout.requested o1 r1 100 EUR until 60000']],
        [
          1,
          declined('o1', 'r1', 'gave_up'),
          [
            'payment.failed o1 r1 gave_up',
            'order.failed o1 r1 gave_up released',
            'reservation.released r1 payment_failed {A 1/0/0}',
            'reservation.offered r2 A:1 until 10001 {A 1/1/0}',
          ],
        ],
        [2, paid('o1', 'r1'), ['payment.succeeded o1 r1 late', 'refund.requested o1 r1 100 EUR']],
      ],
    },
    {
      name: 'in the very ms of the deadline it is late',
      terms: termsOf('A:1'),
      steps: [
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 1/1/0}']],
        [0, checkOut('o1', 'r1', 'ann'), ['checkout.requested o1 r1 100 EUR until 60000']],
        [
          60_000,
          paid('o1', 'r1'),
          [
            'order.failed o1 r1 deadline released',
            'reservation.released r1 payment_failed {A 1/0/0}',
            'payment.succeeded o1 r1 late',
            'refund.requested o1 r1 100 EUR',
          ],
        ],
        [60_001, paid('o1', 'r1'), []],
        [60_001, declined('o1', 'r1'), []],
        [60_002, refunded('o1', 'r1'), ['refund.completed o1 r1']],
        [60_003, refunded('o1', 'r1'), []],
        [60_003, paid('o1', 'r1'), []],
      ],
    },
    {
      name: 'that succeeds after it was declined is given back, whatever became of its reservation',
      terms: termsOf('A:2', { late_payment: 'reacquire' }),
      steps: [
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 2/1/0}']],
        [0, checkOut('o1', 'r1', 'ann'), ['checkout.requested o1 r1 100 EUR until 60000']],
        [1, declined('o1', 'r1'), ['payment.failed o1 r1 declined', 'order.failed o1 r1 declined held']],
        [2, checkOut('o2', 'r1', 'ann'), ['checkout.requested o2 r1 100 EUR until 60000']],
        [3, paid('o1', 'r1'), ['payment.succeeded o1 r1 late', 'refund.requested o1 r1 100 EUR']],
        [4, paid('o1', 'r1'), []],
        [5, paid('o2', 'r1'), ['payment.succeeded o2 r1', 'order.confirmed o2 r1 {A 2/0/1}']],
        [6, refunded('o1', 'r1'), ['refund.completed o1 r1']],
        [7, paid('o1', 'r1'), []],
      ],
    },
    {
      name: 'late and failed is only taken down; should it succeed all the same, it is given back',
      terms: termsOf('A:1', { late_payment: 'reacquire' }),
      steps: [
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 1/1/0}']],
        [0, checkOut('o1', 'r1', 'ann'), ['checkout.requested o1 r1 100 EUR until 60000']],
        [60_000, tick(), ['order.failed o1 r1 deadline released', 'reservation.released r1 payment_failed {A 1/0/0}']],
        [60_001, refunded('o1', 'r1'), []],
        [60_001, declined('o1', 'r1'), ['payment.failed o1 r1 late declined']],
        [60_002, declined('o1', 'r1'), []],
        [60_002, paid('o1', 'r1'), ['payment.succeeded o1 r1 late', 'refund.requested o1 r1 100 EUR']],
      ],
    },
    {
      name: 'late, reacquire: confirmed where all units are free, even of a sale that is closed',
      terms: termsOf('A:1 B:1', { late_payment: 'reacquire', per_user_limit: 2 }),
      steps: [
        [0, reserve('r1', 'ann', 'A B'), ['reservation.created r1 A:1 B:1 until 10000 {A 1/1/0, B 1/1/0}']],
        [0, checkOut('o1', 'r1', 'ann'), ['checkout.requested o1 r1 200 EUR until 60000']],
        [
          60_000,
          operate('x', 'close'),
          ['order.failed o1 r1 deadline released', 'reservation.released r1 payment_failed {A 1/0/0, B 1/0/0}', 'sale.closed by x'],
        ],
        [60_001, paid('o1', 'r1'), ['payment.succeeded o1 r1 late', 'order.confirmed o1 r1 reacquired {A 1/0/1, B 1/0/1}']],
        [60_002, paid('o1', 'r1'), []],
        [60_003, cancel('c1', 'r1', 'ann'), ['request.rejected reservation.cancel r1 by c1 not_cancellable confirmed']],
      ],
    },
    {
      name: 'late, reacquire: what was reacquired counts as bought',
      terms: termsOf('A:9', { late_payment: 'reacquire', per_user_limit: 3 }),
      steps: [
        [0, reserve('r1', 'ann', 'A:2'), ['reservation.created r1 A:2 until 10000 {A 9/2/0}']],
        [0, checkOut('o1', 'r1', 'ann'), ['checkout.requested o1 r1 200 EUR until 60000']],
        [60_000, tick(), ['order.failed o1 r1 deadline released', 'reservation.released r1 payment_failed {A 9/0/0}']],
        [60_001, paid('o1', 'r1'), ['payment.succeeded o1 r1 late', 'order.confirmed o1 r1 reacquired {A 9/0/2}']],
        [60_002, reserve('r2', 'ann', 'A:2'), ['reservation.rejected r2 per_user_limit']],
        [60_003, reserve('r3', 'ann', 'A'), ['reservation.created r3 A:1 until 70003 {A 9/1/2}']],
      ],
    },
    {
      name: 'late, reacquire: refunded where one unit is gone',
      terms: termsOf('A:1 B:1', { late_payment: 'reacquire' }),
      steps: [
        [0, reserve('r1', 'ann', 'A B'), ['reservation.created r1 A:1 B:1 until 10000 {A 1/1/0, B 1/1/0}']],
        [0, checkOut('o1', 'r1', 'ann'), ['checkout.requested o1 r1 200 EUR until 60000']],
        [60_000, tick(), ['order.failed o1 r1 deadline released', 'reservation.released r1 payment_failed {A 1/0/0, B 1/0/0}']],
        [60_000, reserve('r2', 'bob', 'B'), ['reservation.created r2 B:1 until 70000 {B 1/1/0}']],
        [60_001, paid('o1', 'r1'), ['payment.succeeded o1 r1 late', 'refund.requested o1 r1 200 EUR']],
        [60_002, refunded('o1', 'r1'), ['refund.completed o1 r1']],
      ],
    },
    {
      name: 'late, reacquire: goes before those who wait for more than is free',
      terms: termsOf('A:2', { ...waitlist, late_payment: 'reacquire' }),
      steps: [
        [0, reserve('r0', 'dan', 'A'), ['reservation.created r0 A:1 until 10000 {A 2/1/0}']],
        [0, checkOut('o0', 'r0', 'dan'), ['checkout.requested o0 r0 100 EUR until 60000']],
        [1, paid('o0', 'r0'), ['payment.succeeded o0 r0', 'order.confirmed o0 r0 {A 2/0/1}']],
        [1, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10001 {A 2/1/1}']],
        [2, checkOut('o1', 'r1', 'ann'), ['checkout.requested o1 r1 100 EUR until 60002']],
        [3, reserve('r2', 'bob', 'A:2'), ['reservation.waitlisted r2 A:2']],
        [60_002, tick(), ['order.failed o1 r1 deadline released', 'reservation.released r1 payment_failed {A 2/0/1}']],
        [60_003, paid('o1', 'r1'), ['payment.succeeded o1 r1 late', 'order.confirmed o1 r1 reacquired {A 2/0/2}']],
      ],
    },
    {
      name: 'of an order nobody knows',
      terms: termsOf('A:1'),
      steps: [
        [0, paid('o9', 'r9'), []],
        [0, declined('o9', 'r9'), []],
        [0, refunded('o9', 'r9'), []],
      ],
    },
  ],
  'more follows than one record may lead to': [
    {
      name: 'overdue holds end a few at a time, and stay held until then',
      terms: termsOf('A:3'),
      followUpsMax: 2,
      steps: [
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 3/1/0}']],
        [0, reserve('r2', 'bob', 'A'), ['reservation.created r2 A:1 until 10000 {A 3/2/0}']],
        [0, reserve('r3', 'cid', 'A'), ['reservation.created r3 A:1 until 10000 {A 3/3/0}']],
        [10_000, tick(), ['reservation.expired r1 {A 3/2/0}', 'reservation.expired r2 {A 3/1/0}']],
        [10_000, tick(), ['reservation.expired r3 {A 3/0/0}']],
        [10_000, tick(), []],
      ],
    },
    {
      name: 'an overdue hold cannot be used: who wants to finds it ended',
      terms: termsOf('A:9'),
      followUpsMax: 1,
      steps: [
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 9/1/0}']],
        [0, reserve('r2', 'bob', 'A'), ['reservation.created r2 A:1 until 10000 {A 9/2/0}']],
        [0, reserve('r3', 'cid', 'A'), ['reservation.created r3 A:1 until 10000 {A 9/3/0}']],
        [0, reserve('r4', 'dan', 'A'), ['reservation.created r4 A:1 until 10000 {A 9/4/0}']],
        [0, reserve('r5', 'eve', 'A'), ['reservation.created r5 A:1 until 10000 {A 9/5/0}']],
        [
          10_000,
          checkOut('o1', 'r4', 'dan'),
          [
            'reservation.expired r1 {A 9/4/0}',
            'reservation.expired r4 {A 9/3/0}',
            'request.rejected checkout.request r4 by o1 reservation_not_held released',
          ],
        ],
        [
          10_000,
          cancel('c1', 'r5', 'eve'),
          [
            'reservation.expired r2 {A 9/2/0}',
            'reservation.expired r5 {A 9/1/0}',
            'request.rejected reservation.cancel r5 by c1 not_cancellable released',
          ],
        ],
      ],
    },
    {
      name: 'a payment that comes after its deadline is late, though its hold was not ended yet',
      terms: termsOf('A:2'),
      followUpsMax: 1,
      steps: [
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 2/1/0}']],
        [0, reserve('r2', 'bob', 'A'), ['reservation.created r2 A:1 until 10000 {A 2/2/0}']],
        [0, checkOut('o2', 'r2', 'bob'), ['checkout.requested o2 r2 100 EUR until 60000']],
        [
          60_000,
          paid('o2', 'r2'),
          [
            'reservation.expired r1 {A 2/1/0}',
            'order.failed o2 r2 deadline released',
            'reservation.released r2 payment_failed {A 2/0/0}',
            'payment.succeeded o2 r2 late',
            'refund.requested o2 r2 100 EUR',
          ],
        ],
      ],
    },
    {
      name: 'a command about no hold ends none before its turn',
      terms: termsOf('A:3'),
      followUpsMax: 1,
      steps: [
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 3/1/0}']],
        [0, reserve('r2', 'bob', 'A'), ['reservation.created r2 A:1 until 10000 {A 3/2/0}']],
        [0, reserve('r3', 'cid', 'A'), ['reservation.created r3 A:1 until 10000 {A 3/3/0}']],
        [10_000, tick(), ['reservation.expired r1 {A 3/2/0}']],
        [10_000, tick(), ['reservation.expired r2 {A 3/1/0}']],
        [10_000, tick(), ['reservation.expired r3 {A 3/0/0}']],
      ],
    },
    {
      name: 'a payment in time is in time, though other holds are overdue',
      terms: termsOf('A:3', { payment_seconds: 11 }),
      followUpsMax: 1,
      steps: [
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 3/1/0}']],
        [0, reserve('r2', 'bob', 'A'), ['reservation.created r2 A:1 until 10000 {A 3/2/0}']],
        [0, checkOut('o2', 'r2', 'bob'), ['checkout.requested o2 r2 100 EUR until 11000']],
        [10_999, paid('o2', 'r2'), ['reservation.expired r1 {A 3/1/0}', 'payment.succeeded o2 r2', 'order.confirmed o2 r2 {A 3/0/1}']],
      ],
    },
    {
      name: 'what is heard of an order that failed does not end the hold that went on without it',
      terms: termsOf('A:3', { payment_seconds: 10 }),
      followUpsMax: 1,
      steps: [
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 3/1/0}']],
        [0, reserve('r2', 'bob', 'A'), ['reservation.created r2 A:1 until 10000 {A 3/2/0}']],
        [0, checkOut('o2', 'r2', 'bob'), ['checkout.requested o2 r2 100 EUR until 10000']],
        [1, declined('o2', 'r2'), ['payment.failed o2 r2 declined', 'order.failed o2 r2 declined held']],
        [10_000, paid('o2', 'r2'), ['reservation.expired r1 {A 3/1/0}', 'payment.succeeded o2 r2 late', 'refund.requested o2 r2 100 EUR']],
        [10_000, tick(), ['reservation.expired r2 {A 3/0/0}']],
      ],
    },
    {
      name: 'a newcomer does not overtake who is to be offered next',
      terms: termsOf('A:0', waitlist),
      followUpsMax: 1,
      steps: [
        [0, changeStock('s0', 'A', 1), ['stock.changed by s0 {A 1/0/0}']],
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 1/1/0}']],
        [0, reserve('r2', 'bob', 'A'), ['reservation.waitlisted r2 A:1']],
        [0, reserve('r3', 'cid', 'A'), ['reservation.waitlisted r3 A:1']],
        [0, reserve('r4', 'dan', 'A'), ['reservation.waitlisted r4 A:1']],
        [1, changeStock('s1', 'A', 5), ['stock.changed by s1 {A 6/1/0}', 'reservation.offered r2 A:1 until 10001 {A 6/2/0}']],
        [2, reserve('r5', 'eve', 'A'), ['reservation.offered r3 A:1 until 10002 {A 6/3/0}', 'reservation.waitlisted r5 A:1']],
        [3, tick(), ['reservation.offered r4 A:1 until 10003 {A 6/4/0}']],
        [3, tick(), ['reservation.offered r5 A:1 until 10003 {A 6/5/0}']],
        [3, reserve('r6', 'fay', 'A'), ['reservation.created r6 A:1 until 10003 {A 6/6/0}']],
      ],
    },
    {
      name: 'who waits for what was promised to another has it where the other falls short',
      terms: termsOf('A:1 B:1', waitlist),
      followUpsMax: 1,
      steps: [
        [0, reserve('r0', 'ann', 'A'), ['reservation.created r0 A:1 until 10000 {A 1/1/0}']],
        [0, reserve('r1', 'bob', 'A'), ['reservation.waitlisted r1 A:1']],
        [0, reserve('r2', 'cid', 'A B'), ['reservation.waitlisted r2 A:1 B:1']],
        [10_000, reserve('r3', 'dan', 'B'), ['reservation.expired r0 {A 1/0/0}', 'reservation.waitlisted r3 B:1']],
        [10_001, tick(), ['reservation.offered r1 A:1 until 20001 {A 1/1/0}']],
        [10_002, tick(), ['reservation.offered r3 B:1 until 20002 {B 1/1/0}']],
      ],
    },
    {
      name: 'who still waits for a closed sale is offered nothing, may leave, and is turned away later',
      terms: termsOf('A:1', waitlist),
      followUpsMax: 1,
      steps: [
        [0, reserve('r1', 'ann', 'A'), ['reservation.created r1 A:1 until 10000 {A 1/1/0}']],
        [0, reserve('r2', 'bob', 'A'), ['reservation.waitlisted r2 A:1']],
        [0, reserve('r3', 'cid', 'A'), ['reservation.waitlisted r3 A:1']],
        [0, reserve('r4', 'dan', 'A'), ['reservation.waitlisted r4 A:1']],
        [0, reserve('r5', 'eve', 'A'), ['reservation.waitlisted r5 A:1']],
        [1, operate('x', 'close'), ['sale.closed by x', 'reservation.rejected r2 sale_closed']],
        [1, cancel('c1', 'r1', 'ann'), ['reservation.rejected r3 sale_closed', 'reservation.cancelled r1 by c1 {A 1/0/0}']],
        [
          1,
          cancel('c4', 'r4', 'dan'),
          ['reservation.rejected r4 sale_closed', 'request.rejected reservation.cancel r4 by c4 not_cancellable rejected'],
        ],
        [1, tick(), ['reservation.rejected r5 sale_closed']],
        [1, tick(), []],
      ],
    },
  ],
};

test('one record ends no more holds than its bound, and the next goes on', () => {
  const state = initialState(SALE);
  const holds = 2 * FOLLOW_UPS_MAX + 1;
  const take = (at: number, offset: number, command: Command) =>
    advance(state, { at: at as EpochMs, offset: offset as Offset, command }).events.length;
  take(0, 0, schedule('setup', termsOf(`A:${holds}`)));
  for (let hold = 1; hold <= holds; hold++) take(0, hold, reserve(`hold ${hold}`, `user ${hold}`, 'A'));
  const ended = [1, 2, 3, 4].map((nth) => take(10_000, holds + nth, tick()));
  expect(ended).toEqual([FOLLOW_UPS_MAX, FOLLOW_UPS_MAX, 1, 0]);
});

describe.each(Object.entries(stories))('%s', (_, told) => {
  test.each(told)('$name', tell);
});

describe('transitions of a sale', () => {
  const scheduled = termsOf('A:1', { starts_at: '1970-01-01T01:00:00.000Z' });
  const refused = 'invalid_transition';
  const table = [
    { way: [], open: 'sale.opened', pause: refused, resume: refused, close: 'sale.closed' },
    { way: ['open'], open: 'sale.opened', pause: 'sale.paused', resume: 'sale.resumed', close: 'sale.closed' },
    { way: ['open', 'pause'], open: refused, pause: 'sale.paused', resume: 'sale.resumed', close: 'sale.closed' },
    { way: ['open', 'pause', 'resume'], open: 'sale.opened', pause: 'sale.paused', resume: 'sale.resumed', close: 'sale.closed' },
    { way: ['open', 'close'], open: refused, pause: refused, resume: refused, close: 'sale.closed' },
    { way: ['close'], open: refused, pause: refused, resume: refused, close: 'sale.closed' },
  ] as const;
  test.each(table)('after $way', ({ way, ...expected }) => {
    for (const verb of ['open', 'pause', 'resume', 'close'] as const) {
      const state = initialState(SALE);
      const verbs = [...way, verb];
      advance(state, { at: 0 as EpochMs, offset: 0 as Offset, command: schedule('setup', scheduled) });
      const answers = verbs.map((each, step) => {
        const { events } = advance(state, { at: 0 as EpochMs, offset: (step + 1) as Offset, command: operate(`${each} ${step}`, each) });
        return events.map((event) => ('reason' in event ? event.reason : event.type));
      });
      expect([verb, answers.at(-1)]).toEqual([verb, [expected[verb]]]);
    }
  });
});

describe('memory holds what it needs and no more', () => {
  const offset = (n: number) => n as Offset;
  const held = [reserve('r1', 'ann', 'A:2')];
  const bought = [...held, checkOut('o1', 'r1', 'ann'), paid('o1', 'r1')];
  const stateAfter = (terms: SaleTerms, commands: readonly Command[]) => {
    const state = initialState(SALE);
    [schedule('setup', terms), ...commands].forEach((command, n) => advance(state, { at: 0 as EpochMs, offset: offset(n), command }));
    return state;
  };

  type Row = readonly [limits: Partial<SaleTerms>, held: readonly [units: number, holds: number], bought: readonly [number, number]];
  const table: readonly Row[] = [
    [{}, [0, 0], [0, 0]],
    [{ per_user_limit: 3 }, [2, 0], [2, 0]],
    [{ active_holds_per_user: 3 }, [0, 1], [0, 0]],
    [{ per_user_limit: 3, active_holds_per_user: 3 }, [2, 1], [2, 0]],
  ];
  test.each(table)('of what a user has, where the sale limits %j: %j while held, %j once bought', (limits, ...expected) => {
    const terms = termsOf('A:9', limits);
    const has = [held, bought].map((commands) => {
      const { usage } = stateAfter(terms, commands);
      return [usage.units(user('ann')), usage.holds(user('ann')), usage.size];
    });
    expect(has).toEqual(expected.map(([units, holds]) => [units, holds, units + holds > 0 ? 1 : 0]));
  });

  test('of what was reacquired, where the sale has no limit', () => {
    const state = stateAfter(termsOf('A:9', { late_payment: 'reacquire' }), bought.slice(0, 2));
    const { events } = advance(state, { at: 60_000 as EpochMs, offset: offset(9), command: paid('o1', 'r1') });
    expect(events.at(-1)).toMatchObject({ type: 'order.confirmed', reacquired: true });
    expect(state.usage.size).toBe(0);
  });

  test('of an order that has ended: how, and what it was about only where it may yet have to be paid back', () => {
    const about = { id: order('o1'), reservationId: reservation('r1'), user: user('ann'), amount: 200, currency: 'EUR' };
    const ended = (commands: readonly Command[]) => stateAfter(termsOf('A:9'), commands).pastOrders.get(order('o1'));
    const failed = [...bought.slice(0, 2), declined('o1', 'r1')];
    expect(ended(bought)).toStrictEqual({ status: 'paid' });
    expect(ended(failed)).toStrictEqual({ status: 'failed', ...about });
    expect(ended([...failed, paid('o1', 'r1'), refunded('o1', 'r1')])).toStrictEqual({ status: 'refunded' });
  });
});

describe('the line', () => {
  const at = (ms: number) => ms as EpochMs;
  const offset = (n: number) => n as Offset;

  test('a record that cannot be read is on record, after what its time made due', () => {
    const state = initialState(SALE);
    advance(state, { at: at(0), offset: offset(0), command: schedule('setup', termsOf('A:1')) });
    advance(state, { at: at(0), offset: offset(1), command: reserve('r1', 'ann', 'A') });
    const { events, answer } = advance(state, { at: at(10_000), offset: offset(2), malformed: { sha256: 'abc', requestId: 'line' } });
    expect(events.map(shown)).toEqual(['reservation.expired r1 {A 1/0/0}', 'reservation.rejected record abc malformed']);
    expect(answer).toEqual({ kind: 'event', event: events[1] });
  });

  test('a record that cannot be read ends no more than its bound, and no hold but in its turn', () => {
    const state = initialState(SALE);
    advance(state, { at: at(0), offset: offset(0), command: schedule('setup', termsOf('A:2')) });
    advance(state, { at: at(0), offset: offset(1), command: reserve('r1', 'ann', 'A') });
    advance(state, { at: at(0), offset: offset(2), command: reserve('r2', 'bob', 'A') });
    const { events } = advance(state, { at: at(10_000), offset: offset(3), malformed: { sha256: 'abc', requestId: 'line' } }, 1);
    expect(events.map(shown)).toEqual(['reservation.expired r1 {A 2/1/0}', 'reservation.rejected record abc malformed']);
  });

  test('every event carries its place, its time and the request that led to it', () => {
    const state = initialState(SALE);
    const traceparent = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`;
    advance(state, { at: at(7), offset: offset(40), command: schedule('setup', termsOf('A:1')) });
    advance(state, { at: at(8), offset: offset(41), command: reserve('r1', 'ann', 'A') });
    const { events } = advance(state, { at: at(20_000), offset: offset(50), command: { ...reserve('r2', 'bob', 'A'), traceparent } });
    const place = { sale_id: SALE, offset: 50, at: 20_000, request_id: 'request of r2', traceparent };
    expect(events).toMatchObject([
      { ...place, seq: 4, type: 'reservation.expired' },
      { ...place, seq: 5, type: 'reservation.created', accepted_at: 1, respond_async: false },
    ]);
  });

  test('before the sale is scheduled nothing is decided', () => {
    const state = initialState(SALE);
    expect(advance(state, { at: at(0), offset: offset(0), command: reserve('r1', 'ann', 'A') })).toEqual({
      events: [],
      answer: { kind: 'nothing' },
    });
    expect(advance(state, { at: at(0), offset: offset(1), malformed: { sha256: 'abc', requestId: 'line' } })).toEqual({
      events: [],
      answer: { kind: 'nothing' },
    });
  });

  test.each([
    ['time goes back', 99, 11],
    ['an offset comes again', 100, 10],
  ])('crashes where %s', (_, ms, place) => {
    const state = initialState(SALE);
    advance(state, { at: at(100), offset: offset(10), command: tick() });
    expect(() => advance(state, { at: at(ms), offset: offset(place), command: tick() })).toThrow('assertion failed');
  });
});
