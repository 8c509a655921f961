import type { Sku } from '#schemas/ids.ts';
import type { SaleTerms } from '#schemas/terms.ts';
import { createChance, type Chance } from './chance.ts';
import { FAULTS_OF, HAPPENINGS, type CallName, type Happening } from './faults.ts';

/** What a seed stands for: the sales, who does what and when, how the writers are set, and how often each call goes wrong. */
export interface Plan {
  readonly seed: number;
  readonly partitions: number;
  readonly sales: readonly PlannedSale[];
  readonly acts: readonly Act[];
  readonly limits: WriterLimits;
  /** How often writers look for partitions that are free. */
  readonly pollEveryMs: number;
  /** Chance of a fault, for each call. */
  readonly rates: Readonly<Record<CallName, number>>;
  /** From then on nothing goes wrong. */
  readonly stormMs: number;
}

export interface PlannedSale {
  readonly createAtMs: number;
  /** From the start of the run. */
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly terms: Omit<SaleTerms, 'starts_at' | 'ends_at'>;
}

export interface WriterLimits {
  readonly batchRecordsMax: number;
  readonly backlogBatchRecordsMax: number;
  readonly batchEventsMax: number;
  readonly overlapRecordsMin: number;
  readonly rememberedEventsMax: number;
  readonly queueRecordsMax: number;
  readonly unpublishedEventsMax: number;
  readonly lazyCommitMs: number;
  readonly followEveryMs: number;
}

type Wanted = readonly { readonly sku: Sku; readonly quantity: number }[];

/** A buyer's or operator's request, whole in itself, so that any of them can be left out. `sale` is a place in `sales`. */
export type RequestAct =
  | {
      readonly kind: 'reserve';
      readonly sale: number;
      readonly buyer: string;
      readonly key: string;
      readonly items: Wanted;
      readonly partial: boolean;
      readonly prefer: string | null;
    }
  | {
      readonly kind: 'checkout';
      readonly sale: number;
      readonly buyer: string;
      readonly key: string;
      /** Whose reservation, by whom it was made and under which key. */
      readonly owner: string;
      readonly reservationKey: string;
      readonly method: string;
      readonly prefer: string | null;
    }
  | {
      readonly kind: 'cancel';
      readonly sale: number;
      readonly buyer: string;
      readonly key: string;
      readonly owner: string;
      readonly reservationKey: string;
    }
  | { readonly kind: 'operate'; readonly sale: number; readonly verb: 'open' | 'pause' | 'resume' | 'close'; readonly key: string }
  | { readonly kind: 'stock'; readonly sale: number; readonly sku: Sku; readonly delta: number; readonly key: string };

type HappeningAct = { readonly kind: 'happens'; readonly what: Happening; readonly ms: number; readonly where: number };
type Timed<T = RequestAct> = { readonly atMs: number } & T;
export type Act = { readonly id: number } & Timed<RequestAct | HappeningAct>;

const METHODS = ['pm_ok', 'pm_ok', 'pm_ok', 'pm_ok', 'pm_declined', 'pm_timeout_once', 'pm_slow', 'pm_error', 'pm_timeout'];
/** Calls that a run makes a few times only go wrong so much more often. */
const SELDOM: Partial<Record<CallName, number>> = {
  'payment enroll': 4,
  'payment claim': 2,
  'payment record': 4,
  'payment produce': 6,
  'payment charge': 4,
  'payment refund': 12,
  'payment findCharge': 12,
  'payment probe': 12,
  'writer releaseLeases': 6,
};
/** Strange commands are of many kinds. */
const LIKELY: readonly Happening[] = [
  ...(Object.keys(HAPPENINGS) as Happening[]),
  ...Array<Happening>(4).fill('a command that nobody of ours sends'),
  ...Array<Happening>(2).fill('the payment service is frozen'),
  ...Array<Happening>(3).fill('a charge turns up after all'),
];
const SKUS = ['A', 'B', 'C', 'D'] as Sku[];

export function planOf(seed: number): Plan {
  const chance = createChance(seed);
  const stormMs = chance.pick('storm', [6_000, 12_000, 20_000]);
  const partitions = chance.pick('partitions', [1, 1, 2]);
  const sales = Array.from({ length: chance.pick('sales', [1, 1, 2, 3]) }, (_, index) => saleOf(chance, index, stormMs));
  const requests = Array.from({ length: chance.pick('acts', [20, 50, 90]) }, (): Timed => {
    const request = requestOf(chance, sales);
    return { atMs: Math.floor(sales[request.sale]!.createAtMs + chance.next('when') * stormMs * 0.9), ...request };
  });
  const more = requests.flatMap((request) => [...followUpsOf(chance, request), ...repetitionsOf(chance, request)]);
  const happenings = Array.from({ length: chance.pick('happenings', [0, 2, 6, 12]) }, () => happeningOf(chance, stormMs));
  const acts = [...requests, ...more, ...happenings].sort((a, b) => a.atMs - b.atMs).map((act, id): Act => ({ ...act, id }));
  const wild = chance.pick('wild', [0, 0.005, 0.02, 0.05]);
  const rates = Object.fromEntries(
    (Object.keys(FAULTS_OF) as CallName[]).map((call) => [
      call,
      Math.min(0.5, wild * chance.pick('rate', [0, 0.5, 1, 3]) * (SELDOM[call] ?? 1)),
    ]),
  ) as Record<CallName, number>;
  return { seed, partitions, sales, acts, limits: limitsOf(chance), pollEveryMs: chance.pick('poll', [100, 400, 400]), rates, stormMs };
}

function limitsOf({ pick }: Chance): WriterLimits {
  return {
    batchRecordsMax: pick('limit', [1, 3, 20, 1_000]),
    backlogBatchRecordsMax: pick('limit', [5, 40, 1_000]),
    batchEventsMax: pick('limit', [2, 10, 4_000]),
    overlapRecordsMin: pick('limit', [1, 2, 10]),
    rememberedEventsMax: pick('limit', [0, 10, 1_000]),
    queueRecordsMax: pick('limit', [4, 10, 1_000]),
    unpublishedEventsMax: pick('limit', [5, 50, 1_000]),
    lazyCommitMs: pick('limit', [10, 500, 5_000]),
    followEveryMs: pick('follow', [250, 1_000, 4_000]),
  };
}

function saleOf({ pick, below, next }: Chance, index: number, stormMs: number): PlannedSale {
  const createAtMs = Math.floor(index * next('create') * stormMs * 0.4);
  const startsAtMs = createAtMs + pick('starts', [-1_000, -1_000, -1_000, 1_500]);
  const price = pick('price', [100, 100, 4_900, 0]);
  return {
    createAtMs,
    startsAtMs,
    endsAtMs: createAtMs + Math.floor(stormMs * (0.7 + 0.6 * next('ends'))) + 2_000,
    terms: {
      name: `sale ${String(index)}`,
      items: SKUS.slice(0, 1 + below('items', SKUS.length)).map((sku) => ({
        sku,
        name: `item ${sku}`,
        unit_price: price,
        currency: 'EUR',
        quantity: pick('quantity', [0, 1, 2, 4, 8, 20]),
      })),
      per_user_limit: pick('limit of a user', [null, null, 1, 2, 4]),
      active_holds_per_user: pick('holds of a user', [null, null, 1, 2]),
      hold_seconds: pick('hold', [1, 2, 5]),
      payment_seconds: pick('payment', [1, 1, 3, 10]),
      waitlist_limit: pick('waitlist', [0, 1, 3, 10, 10]),
      late_payment: pick('late', ['refund', 'reacquire']),
      on_payment_failure: pick('failure', ['keep_hold', 'release']),
    },
  };
}

function requestOf(chance: Chance, sales: readonly PlannedSale[]): RequestAct {
  const { pick, below, next } = chance;
  const sale = below('which sale', sales.length);
  const buyer = `buyer-${String(below('buyer', 8))}`;
  // Few keys, so that requests meet the reservations of others and one's own.
  const reservationKey = `r${String(below('reservation', 6))}`;
  const owner = next('stranger') < 0.05 ? `buyer-${String(below('buyer', 8))}` : buyer;
  const prefer = pick('prefer', [null, null, 'respond-async', 'wait=1', 'wait=3']);
  const kind = pick('request', [
    ...Array<'reserve'>(6).fill('reserve'),
    ...Array<'checkout'>(5).fill('checkout'),
    'cancel',
    'operator',
  ] as const);
  switch (kind) {
    case 'reserve':
      return { kind, sale, buyer, key: reservationKey, items: wantedOf(chance), partial: next('partial') < 0.4, prefer };
    case 'checkout':
      return { kind, sale, buyer, key: `o${String(below('order', 4))}`, owner, reservationKey, method: pick('method', METHODS), prefer };
    case 'cancel':
      return { kind, sale, buyer, key: `c${String(below('cancel', 4))}`, owner, reservationKey };
    case 'operator': {
      const key = `k${String(below('operator', 6))}`;
      if (next('operator') < 0.5)
        return { kind: 'stock', sale, sku: pick('sku', [...SKUS, 'nothing' as Sku]), delta: pick('delta', [-9, -2, -1, 1, 3, 5]), key };
      return {
        kind: 'operate',
        sale,
        verb: pick('verb', ['open', 'open', 'pause', 'pause', 'resume', 'resume', 'resume', 'resume', 'close'] as const),
        key,
      };
    }
  }
}

function wantedOf({ pick, below, next }: Chance): Wanted {
  const first = below('sku', SKUS.length);
  const count = pick('lines', [1, 1, 1, 2, 3]);
  return Array.from({ length: count }, (_, index) => ({
    sku: next('unknown') < 0.02 ? ('nothing' as Sku) : SKUS[(first + index) % SKUS.length]!,
    quantity: pick('units', [1, 1, 1, 2, 3]),
  })).filter((line, index, all) => all.findIndex(({ sku }) => sku === line.sku) === index);
}

/** Most who reserve want to buy, some think better of it. */
function followUpsOf({ next, below, pick }: Chance, request: Timed): Timed[] {
  if (request.kind !== 'reserve') return [];
  const { sale, buyer, key: reservationKey, atMs } = request;
  const about = { sale, buyer, owner: buyer, reservationKey };
  const later = (): number => atMs + Math.floor(next('follow-up') * pick('patience', [300, 1_500, 6_000]));
  const drawn = next('wants');
  if (drawn < 0.15) return [{ kind: 'cancel', ...about, key: `c${String(below('cancel', 4))}`, atMs: later() }];
  if (drawn > 0.75) return [];
  const prefer = pick('prefer', [null, null, 'respond-async', 'wait=1', 'wait=3']);
  return [{ kind: 'checkout', ...about, key: `o${String(below('order', 4))}`, method: pick('method', METHODS), prefer, atMs: later() }];
}

/** Some are sent twice, at once or later, as they are or with another body. */
function repetitionsOf(chance: Chance, request: Timed): Timed[] {
  const drawn = chance.next('repeated');
  if (drawn > 0.22) return [];
  const atMs = request.atMs + chance.pick('repeated after', [0, 3, 50, 1_000]);
  if (drawn < 0.15) return [{ ...request, atMs }];
  switch (request.kind) {
    case 'reserve':
      return [{ ...request, atMs, items: wantedOf(chance), partial: !request.partial }];
    case 'checkout':
      return [{ ...request, atMs, method: chance.pick('method', METHODS) }];
    case 'stock':
      return [{ ...request, atMs, delta: request.delta * 2 }];
    case 'cancel':
    case 'operate':
      return [{ ...request, atMs }];
  }
}

function happeningOf({ pick, below, next }: Chance, stormMs: number): Timed<HappeningAct> {
  const what = pick('happening', LIKELY);
  const atMs = Math.floor(next('when it happens') * stormMs);
  return { kind: 'happens', what, ms: pick('how long', HAPPENINGS[what].ms as readonly number[]), where: below('where', 1_000), atMs };
}
