import type { Command } from '#schemas/command.ts';
import { Command as CommandSchema } from '#schemas/command.ts';
import type { SaleStatus } from '#schemas/event.ts';
import type { EpochMs, Partition, SaleId, SaleNo } from '#schemas/ids.ts';
import type { UnsettledSale } from '#shared/ledger/lines.ts';
import { runSchedule } from './schedule.ts';

const START = 1_800_000_000_000;

interface Second {
  readonly leads?: boolean;
  readonly status?: SaleStatus;
  readonly ledgerAway?: boolean;
  readonly lineAway?: boolean;
}

/** Plays one second after another, from START; gives what was put on the line in each. */
async function play(seconds: readonly Second[], times = { startsAt: START + 1_000, endsAt: START + 3_000 }) {
  const placed: Command[][] = [];
  const stop = new AbortController();
  let index = 0;
  const current = (): Second => seconds[index] ?? {};
  await runSchedule(
    {
      now: () => (START + index * 1_000) as EpochMs,
      sleep() {
        index += 1;
        if (index >= seconds.length) stop.abort();
        return Promise.resolve();
      },
      holdsLeadership: () => Promise.resolve(current().leads ?? true),
      unsettledSales() {
        if (current().ledgerAway) return Promise.reject(new Error('away'));
        const sale: UnsettledSale = {
          saleId: 'sale' as SaleId,
          saleNo: 1 as SaleNo,
          partition: 7 as Partition,
          status: current().status ?? 'scheduled',
          startsAt: times.startsAt as EpochMs,
          endsAt: times.endsAt as EpochMs,
        };
        return Promise.resolve([sale]);
      },
      releaseUnscheduledLines: () => Promise.resolve([]),
      enqueue(partition, command) {
        if (current().lineAway) return Promise.reject(new Error('away'));
        expect(partition).toBe(7);
        (placed[index] ??= []).push(CommandSchema.parse(command));
        return Promise.resolve();
      },
      log: { info: () => undefined, warn: () => undefined },
      observe: { leading: () => undefined, sales: () => undefined, command: () => undefined, second: () => undefined },
    },
    stop.signal,
  );
  return seconds.map((_, second) => (placed[second] ?? []).map((command) => command.type).join(' '));
}

test('opens at the start and closes at the end, once each, and ticks all the time', async () => {
  const seconds: Second[] = [{}, {}, { status: 'open' }, { status: 'open' }, { status: 'closed' }];
  expect(await play(seconds)).toEqual(['tick', 'sale.open tick', 'tick', 'sale.close tick', 'tick']);
});

test('does not repeat itself while the line is slow to decide', async () => {
  expect(await play([{}, {}, {}], { startsAt: START, endsAt: START + 60_000 })).toEqual(['sale.open tick', 'tick', 'tick']);
});

test('what could not be put on the line is put there later', async () => {
  expect(await play([{ lineAway: true }, { lineAway: true }, {}], { startsAt: START, endsAt: START + 60_000 })).toEqual([
    '',
    '',
    'sale.open tick',
  ]);
});

test('waits for the ledger and goes on', async () => {
  expect(await play([{ ledgerAway: true }, {}], { startsAt: START, endsAt: START + 60_000 })).toEqual(['', 'sale.open tick']);
});

test('a standby puts nothing on any line, and takes over where it is needed', async () => {
  const seconds: Second[] = [{ leads: false }, { leads: false }, {}, { status: 'open' }];
  expect(await play(seconds, { startsAt: START, endsAt: START + 60_000 })).toEqual(['', '', 'sale.open tick', 'tick']);
});
