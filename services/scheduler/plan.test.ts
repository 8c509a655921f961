import type { SaleStatus } from '#schemas/event.ts';
import type { EpochMs, Partition, SaleId, SaleNo } from '#schemas/ids.ts';
import { askAgainMs, plan, type PlannedSale } from './plan.ts';

const STARTS = 100_000;
const ENDS = 200_000;

function sale(status: SaleStatus, change: Partial<Record<'openAskedAt' | 'closeAskedAt', number>> = {}): PlannedSale {
  return {
    saleId: 'sale' as SaleId,
    saleNo: 1 as SaleNo,
    partition: 0 as Partition,
    status,
    startsAt: STARTS as EpochMs,
    endsAt: ENDS as EpochMs,
    openAskedAt: (change.openAskedAt ?? null) as EpochMs | null,
    closeAskedAt: (change.closeAskedAt ?? null) as EpochMs | null,
  };
}

const CASES: [now: number, sale: PlannedSale, commands: string][] = [
  [STARTS - 1, sale('scheduled'), 'tick'],
  [STARTS, sale('scheduled'), 'open tick'],
  [STARTS, sale('open'), 'tick'],
  [STARTS, sale('paused'), 'tick'],
  [STARTS, sale('closed'), 'tick'],
  // An operator was early.
  [STARTS - 1, sale('open'), 'tick'],
  [STARTS - 1, sale('paused'), 'tick'],
  // Asked already: not each second, and not never.
  [STARTS + 1_000, sale('scheduled', { openAskedAt: STARTS }), 'tick'],
  [STARTS + askAgainMs - 1, sale('scheduled', { openAskedAt: STARTS }), 'tick'],
  [STARTS + askAgainMs, sale('scheduled', { openAskedAt: STARTS }), 'open tick'],
  [ENDS - 1, sale('scheduled'), 'open tick'],
  [ENDS - 1, sale('open'), 'tick'],
  [ENDS, sale('open'), 'close tick'],
  [ENDS, sale('paused'), 'close tick'],
  [ENDS, sale('scheduled'), 'close tick'],
  [ENDS, sale('closed'), 'tick'],
  [ENDS, sale('scheduled', { openAskedAt: ENDS - 1_000 }), 'close tick'],
  [ENDS + 1_000, sale('open', { closeAskedAt: ENDS }), 'tick'],
  [ENDS + askAgainMs, sale('open', { closeAskedAt: ENDS }), 'close tick'],
];

test.each(CASES)('at %d: %j gives %s', (now, each, commands) => {
  expect(
    plan(now as EpochMs, [each])
      .map(({ kind }) => kind)
      .join(' '),
  ).toBe(commands);
});

test('every sale has its own commands', () => {
  const both = plan(STARTS as EpochMs, [sale('scheduled'), { ...sale('open'), saleId: 'other' as SaleId }]);
  expect(both.map(({ kind, sale: { saleId } }) => `${saleId} ${kind}`)).toEqual(['sale open', 'sale tick', 'other tick']);
  expect(plan(STARTS as EpochMs, [])).toEqual([]);
});
