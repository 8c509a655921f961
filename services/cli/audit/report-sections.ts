import type { FairnessFigures } from '#shared/fairness/fairness.ts';
import type { OrderFigures } from '#shared/fairness/line-order.ts';
import type { PaymentFigures } from '#shared/fairness/books.ts';
import type { WaitFigures } from '#shared/fairness/waits.ts';
import type { Cell } from '../table.ts';

/** What the report says, as data: the text and the page render the same sections. */
export interface Section {
  readonly title: string;
  /** What the figures mean, for whoever meets them for the first time. */
  readonly note: string;
  readonly tables: readonly Table[];
  readonly plots: readonly PlotName[];
}

export type PlotName = 'density' | 'waits' | 'units' | 'lorenz';

/** `header` null: names and values. */
export interface Table {
  readonly header: readonly string[] | null;
  readonly rows: readonly (readonly Cell[])[];
}

/** Items beyond are in --json only. */
const itemsShownMax = 50;

export function sectionsOf(figures: FairnessFigures): readonly Section[] {
  return [answer(figures), order(figures.order), waits(figures), shares(figures), stock(figures), books(figures)];
}

function answer({ firstCome }: FairnessFigures): Section {
  return {
    title: 'Was it first come, first served?',
    note:
      'Of the units granted at once while the stock of their item lasted, those that an ideal line, ordered by the time at which the edge accepted each request, gives to the same request. ' +
      'An item lasted until the first request that did not get all it asked because too little was free.',
    tables: [
      named([
        ['units granted while stock lasted', firstCome.units],
        ['  to whom the ideal line gives them', firstCome.unitsInOrder],
        ['  share', percent(firstCome.share)],
        ['requests passed over', firstCome.requestsPassedOver],
        ['items that ran out', firstCome.itemsRunOut],
      ]),
    ],
    plots: [],
  };
}

function order(figures: OrderFigures): Section {
  return {
    title: 'Order of acceptance and order of the line',
    note:
      'Requests are stamped when the edge accepts them and decided in the order of the line. A pair is inverted where the one accepted earlier, by a millisecond or more, stands behind. ' +
      'Each process of the edge stamps by its own clock: overtaking by no more than those differ says nothing.',
    tables: [
      named([
        ['requests', figures.requests],
        ['inverted pairs', `${count(figures.invertedPairs)} of ${count(figures.pairs)}`],
        ['  share', percent(figures.invertedShare)],
        ['requests overtaken', figures.overtaken],
        ['  share', percent(figures.overtakenShare)],
        ['most places lost by one', figures.placesMax],
        ['longest overtaking (ms)', figures.millisecondsMax],
        ['rank correlation (Spearman)', decimal(figures.rankCorrelation)],
      ]),
    ],
    plots: ['density'],
  };
}

function waits({ waits: classes, negativeWaits }: FairnessFigures): Section {
  return {
    title: 'From acceptance to decision',
    note:
      'In milliseconds, by what became of the request, until the logical time of the decision: the time the broker stamped on its record. How long the record lay in the line before a writer took it is not in the log. Offered and turned away are those of the waitlisted to whom that happened later, until it did.' +
      (negativeWaits === 0
        ? ''
        : ` ${count(negativeWaits)} decisions are timed before their acceptance, by clocks that differ, and count as 0.`),
    tables: [
      {
        header: ['outcome', 'requests', 'p50 ms', 'p95 ms', 'p99 ms', 'max ms'],
        rows: classes.map((wait) => [outcomeText(wait), wait.count, wait.p50Ms, wait.p95Ms, wait.p99Ms, wait.maxMs]),
      },
    ],
    plots: ['waits'],
  };
}

const OUTCOME_TEXTS: Readonly<Record<WaitFigures['outcome'], string>> = {
  held: 'held',
  partly_held: 'partly held',
  waitlisted: 'waitlisted',
  waitlisted_offered: 'waitlisted, offered',
  waitlisted_turned_away: 'waitlisted, turned away',
  refused: 'refused',
};

export function outcomeText({ outcome, reason }: Pick<WaitFigures, 'outcome' | 'reason'>): string {
  return reason === null ? OUTCOME_TEXTS[outcome] : `${OUTCOME_TEXTS[outcome]}: ${reason}`;
}

function shares({ shares: figures }: FairnessFigures): Section {
  return {
    title: 'Units by user',
    note: 'Units that are held or sold at the end of the log. Users are pseudonyms. The Gini coefficient is 0 where all have the same.',
    tables: [
      named([
        ['users who asked', figures.usersAsked],
        ['users with units', figures.usersWithUnits],
        ['units', figures.units],
        [`units of the top 1 % (${count(figures.topPercentUsers)} users)`, figures.topPercentUnits],
        ['  share', percent(figures.topPercentShare)],
        ['units of the top user', figures.topUserUnits],
        ['Gini, users with units', decimal(figures.gini)],
        ['Gini, users who asked', decimal(figures.giniOfAsked)],
        ['users granted a request in full', figures.usersServedInFull],
        ['  share of users who asked', percent(figures.servedInFullShare)],
      ]),
    ],
    plots: ['lorenz'],
  };
}

function stock({ reconciliation: { items } }: FairnessFigures): Section {
  const sum = (of: 'total' | 'held' | 'sold' | 'available'): number => items.reduce((all, item) => all + item[of], 0);
  const shown = items.slice(0, itemsShownMax).map(({ sku, total, held, sold, available }): Cell[] => [sku, total, held, sold, available]);
  const all: Cell[] = [`all ${count(items.length)} items`, sum('total'), sum('held'), sum('sold'), sum('available')];
  return {
    title: 'Stock',
    note:
      'Counters as the last event of each item leaves them.' +
      (items.length > itemsShownMax ? ` The first ${itemsShownMax} items; --json has all.` : ''),
    tables: [{ header: ['sku', 'total', 'held', 'sold', 'available'], rows: items.length === 1 ? shown : [...shown, all] }],
    plots: ['units'],
  };
}

function books({ reconciliation }: FairnessFigures): Section {
  const { reservationsByStatus, ordersByStatus, payments, eventsByType, checks } = reconciliation;
  return {
    title: 'Reconciliation',
    note: 'Counted from the events; each check makes one sum in two ways.',
    tables: [
      { header: ['reservations', 'count'], rows: Object.entries(reservationsByStatus) },
      { header: ['orders', 'count'], rows: Object.entries(ordersByStatus) },
      moneyTable(payments),
      {
        header: ['check', 'expected', 'found', 'holds'],
        rows: checks.map((check) => [check.what, check.expected, check.found, check.holds ? 'yes' : 'NO']),
      },
      { header: ['events', 'count'], rows: Object.entries(eventsByType).sort(([a], [b]) => (a < b ? -1 : 1)) },
    ],
    plots: [],
  };
}

function moneyTable({ currency, captured, paid, refunded, refunding }: PaymentFigures): Table {
  return {
    header: ['money', currency === null ? 'minor units' : `minor units of ${currency}`],
    rows: [
      ['captured', captured],
      ['paid and kept', paid],
      ['refunded', refunded],
      ['being refunded', refunding],
    ],
  };
}

function named(rows: readonly (readonly [string, Cell])[]): Table {
  return { header: null, rows };
}

/** Never 100 % or 0 % by rounding. */
export function percent(share: number | null): string | null {
  if (share === null) return null;
  if (share > 0 && share < 0.00005) return '< 0.01 %';
  if (share < 1 && share > 0.99995) return '> 99.99 %';
  return `${(share * 100).toLocaleString('en-US', { maximumFractionDigits: 2 })} %`;
}

/** Four digits, cut towards zero, so that 1 is 1. */
function decimal(value: number | null): string | null {
  return value === null ? null : String(Math.trunc(value * 10_000) / 10_000);
}

export function count(value: number): string {
  return value.toLocaleString('en-US');
}
