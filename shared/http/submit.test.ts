import type { Fingerprint, Offset, OrderId, Partition, SaleNo } from '#schemas/ids.ts';
import type { DecisionWaiter } from './await-decision.ts';
import { type RequestRefused } from './problem.ts';
import { createSubmit, type KeyedCommand } from './submit.ts';

const line = { partition: 3 as Partition, saleNo: 1 as SaleNo };
const key = { kind: 'order', key: 'o-1' as OrderId, fingerprint: 'f' as Fingerprint } as const;

function setUp({ ledgerIsUp = true, waiting = 0 } = {}) {
  const enqueued: Partition[] = [];
  const waiter: DecisionWaiter = {
    expect: () => ({ replyTo: 'r', until: async (_deadline, _attempt, placed) => ({ kind: 'undecided', place: await placed }) }),
    waiting: () => waiting,
    stop: () => undefined,
  };
  const submit = createSubmit({
    enqueue: (partition) => (enqueued.push(partition), Promise.resolve({ partition, offset: 0 as Offset })),
    waiter,
    ledgerIsUp: () => ledgerIsUp,
    waitingMax: 2,
    random: () => 0.5,
  });
  const refusal = (): { code: string; retryAfter: string | undefined } | null => {
    try {
      void submit.andWait(line, key, 0, () => ({}) as KeyedCommand, null);
      return null;
    } catch (error) {
      const { code, headers } = (error as RequestRefused).problem;
      return { code, retryAfter: headers?.['retry-after'] };
    }
  };
  return { enqueued, refusal };
}

test.each([
  ['where there is room', {}, null],
  ['the last place', { waiting: 1 }, null],
  ['while as many wait as may', { waiting: 2 }, { code: 'house_full', retryAfter: '4' }],
  ['while the ledger is away', { ledgerIsUp: false }, { code: 'ledger_unavailable', retryAfter: '2' }],
])('%s', (_name, state, expected) => {
  const { enqueued, refusal } = setUp(state);
  expect(refusal()).toEqual(expected);
  expect(enqueued).toEqual(expected === null ? [line.partition] : []);
});
