import { setTimeout as pause } from 'node:timers/promises';
import type { Partition } from '#schemas/ids.ts';
import { call, openSale } from '../faults/api.ts';
import { until } from '../until.ts';
import { sendCrowd } from './buyers.ts';
import { checkHistory } from './check-history.ts';
import { collect, untilQuiet, type SaleUnderTest } from './evidence.ts';
import type { Fault, Scene } from './scene.ts';
import type { Violation } from './history.ts';
import type { Load, Plan } from './plan.ts';
import type { Stack } from './stack.ts';

/** One round: a sale, a crowd, a fault in the midst of it, and then the check of everything. */

export interface RoundResult {
  readonly round: number;
  readonly seed: number;
  readonly fault: string;
  readonly seen: string;
  readonly seconds: number;
  readonly buyers: number;
  readonly requests: number;
  readonly events: number;
  readonly violations: readonly Violation[];
}

/** From the fault's end until every buyer has its answer. */
const crowdMsMax = 90_000;

export async function runRound(stack: Stack, plan: Plan, fault: Fault, round: number): Promise<RoundResult> {
  const begun = performance.now();
  await fault.prepare?.(stack, plan.random);
  const sale = await openTestSale(stack, plan);
  const market = {
    reserveUrl: stack.urlOf('reserve'),
    checkoutUrl: stack.urlOf('checkout'),
    saleId: sale.id,
    userRefSecret: stack.userRefSecret,
  };
  const crowd = sendCrowd(market, plan.load, plan.seed);
  const found: Violation[] = [];
  const scene: Scene = {
    stack,
    random: plan.random,
    sale,
    attempts: crowd.attempts,
    violated: (check, detail) => found.push({ check, detail }),
  };
  await crowd.answered(Math.ceil(plan.load.buyers * plan.load.faultAtShare));
  let seen: string;
  try {
    seen = await fault.run(scene);
    if (fault.halts !== true) await stack.heal();
  } catch (error) {
    crowd.giveUp();
    await crowd.done;
    throw error;
  }
  const late = fault.halts === true ? Promise.resolve() : pause(crowdMsMax);
  await Promise.race([crowd.done, late]);
  crowd.giveUp();
  await crowd.done;
  if (fault.halts !== true) {
    await closeSale(stack, sale.id);
    await untilQuiet(stack, sale);
  }
  const evidence = await collect(stack, sale, crowd.attempts, { lineIsWhole: fault.waives?.replay === undefined });
  found.push(...checkHistory(evidence).filter(({ check }) => fault.waives?.[check] === undefined));
  if (fault.halts === true) await stack.startAfresh();
  await fault.mend?.(stack);
  return {
    round,
    seed: plan.seed,
    fault: plan.fault,
    seen,
    seconds: (performance.now() - begun) / 1000,
    buyers: plan.load.buyers,
    requests: evidence.attempts.length,
    events: evidence.ledger.length,
    violations: found,
  };
}

async function openTestSale(stack: Stack, { load }: Plan): Promise<SaleUnderTest> {
  const saleId = await until(
    () => openSale(stack.urlOf('reserve'), { quantity: load.units, extra: termsOf(load) }),
    () => true,
  );
  const [row] = await stack.query<{ partition: Partition }>('SELECT partition FROM sale_lines WHERE sale_id = $1', [saleId]);
  return { id: saleId, partition: row!.partition };
}

function termsOf(load: Load): Record<string, unknown> {
  return {
    hold_seconds: load.holdSeconds,
    payment_seconds: load.paymentSeconds,
    waitlist_limit: load.waitlist,
    per_user_limit: load.perUserLimit,
    late_payment: load.latePayment,
    on_payment_failure: load.onPaymentFailure,
  };
}

/** So that its line becomes free once the last hold has ended. */
async function closeSale(stack: Stack, saleId: string): Promise<void> {
  await until(
    () =>
      call(stack.urlOf('reserve'), 'POST', `/v1/sales/${saleId}/close`, {
        user: 'operator',
        scope: 'operator',
        key: 'close',
        withinMs: 10_000,
      }),
    ({ status }) => status === 200,
    60_000,
  );
}
