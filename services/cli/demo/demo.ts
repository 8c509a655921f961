import { setTimeout as pause } from 'node:timers/promises';
import { UserRef, SaleId } from '#schemas/ids.ts';
import { reservationId, userRef } from '#shared/ids/derive.ts';
import { createHttpPool } from '#shared/load/http-pool.ts';
import { availabilityOf, changeSale, createSale, reportOf, showSale } from '../sale/sale-calls.ts';
import { measureClosedLoop } from '../load/closed-loop.ts';
import type { Surroundings } from '../stack/surroundings.ts';
import { writerThatOwns } from '../stack/writer-owner.ts';
import { formatNumber } from '../table.ts';
import type { Buyer } from './buyer.ts';
import { chargesFor } from './charges.ts';
import { createCrowd, type Crowd } from './crowd.ts';
import type { DemoOptions, DemoResult } from './demo-result.ts';
import type { LedgerView } from './ledger-view.ts';
import type { Progress, ProgressView } from './progress.ts';
import { proveSale } from './prove-sale.ts';
import { reconcile } from './reconcile.ts';
import { killActiveWriter, type Takeover } from './takeover.ts';

const sku = 'signed-print';
const unitPrice = 4_900;
/** Newcomers, payers and those who only look have connections of their own. */
const connectionsMax = 1_024;
const orderConnectionsMax = 512;
const lookConnectionsMax = 128;
/** One request, its `Prefer: wait` (5 s by default) and a takeover included. */
const requestMs = 20_000;
const showEveryMs = 200;
const lookEveryMs = 500;
const saleDays = 1;
const warmUpConnections = 64;
const warmUpSeconds = 4;
const rateMin = 100;
const rateMax = 2_000;

export interface DemoPorts {
  readonly surroundings: Surroundings;
  readonly progress: Progress;
  readonly say: (line: string) => void;
  readonly kill: (part: string) => Promise<number>;
  readonly restart: (part: string) => Promise<void>;
}

/** Arrivals per second that leave this machine some room: half of what it answers to a few who never pause, at most `rateMax`. */
export async function rateOfThisMachine(surroundings: Surroundings): Promise<number> {
  const origin = new URL(surroundings.origin);
  const sale = await createSale(surroundings.call, {
    name: 'Warm-up',
    starts_at: new Date(Date.now() - 1_000).toISOString(),
    ends_at: new Date(Date.now() + 3_600_000).toISOString(),
    items: [{ sku, name: 'Warm-up', unit_price: unitPrice, currency: 'EUR', quantity: 1_000_000 }],
    hold_seconds: 1,
  });
  const answersPerSecond = await measureClosedLoop({
    host: origin.hostname,
    port: Number(origin.port || 80),
    saleId: sale.id,
    sku,
    connections: warmUpConnections,
    seconds: warmUpSeconds,
    identity: surroundings.buyerIdentity,
    run: `warm${Date.now().toString(36)}`,
  });
  await changeSale(surroundings.call, sale.id, 'close');
  return Math.max(rateMin, Math.min(rateMax, Math.floor(answersPerSecond / 2 / 50) * 50));
}

/** Runs a whole sale and compares and verifies everything at its end. Throws ApiRefusal where the stack does not answer at all. */
export async function runDemo(options: DemoOptions, ports: DemoPorts): Promise<DemoResult> {
  const { surroundings, say } = ports;
  const { call, userRefSecret } = surroundings;
  const origin = new URL(surroundings.origin);
  const run = `demo${Date.now().toString(36)}`;
  const now = Date.now();
  const sale = await createSale(call, {
    name: 'Signed prints, first come, first served',
    starts_at: new Date(now - 1_000).toISOString(),
    ends_at: new Date(now + saleDays * 86_400_000).toISOString(),
    items: [{ sku, name: 'Signed print', unit_price: unitPrice, currency: 'EUR', quantity: options.units }],
    per_user_limit: 1,
    hold_seconds: options.holdSeconds,
    payment_seconds: options.paymentSeconds,
    waitlist_limit: options.waitlist,
    on_payment_failure: 'release',
  });
  say(`sale ${sale.id}: ${options.units} units, ${options.buyers} buyers at ${options.rate}/s, waitlist ${options.waitlist}`);
  const gateway = { host: origin.hostname, port: Number(origin.port || 80), timeoutMs: requestMs };
  const pool = createHttpPool({ ...gateway, connectionsMax });
  const orderPool = createHttpPool({ ...gateway, connectionsMax: orderConnectionsMax });
  const lookPool = createHttpPool({ ...gateway, connectionsMax: lookConnectionsMax });
  const ledger = surroundings.openLedger();
  const crowd = createCrowd({
    pool,
    orderPool,
    lookPool,
    saleId: sale.id,
    sku,
    buyers: options.buyers,
    ratePerSecond: options.rate,
    run,
    identity: surroundings.buyerIdentity,
  });
  const startedAt = performance.now();
  const display = startDisplay(options, crowd, ledger.view, sale.id, ports.progress);
  try {
    await untilOpen(surroundings, sale.id);
    const killing = options.kill ? killHalfway(options, crowd, sale.id, ledger.view, ports, display.note) : Promise.resolve(null);
    await crowd.arrive();
    const arrivalSeconds = (performance.now() - startedAt) / 1000;
    display.phase('settling');
    const takeover = await killing;
    const settled = await untilSettled(options, crowd, ledger.view, surroundings, sale.id, display.phase);
    crowd.stop();
    display.phase('comparing');
    const [report, availability, reservations, orders] = await Promise.all([
      reportOf(call, sale.id),
      availabilityOf(call, sale.id),
      ledger.view.reservations(sale.id),
      ledger.view.orders(sale.id),
    ]);
    const charges = await chargesFor(surroundings.gatewaySimUrl, orders);
    const reservationIdOf = ({ index }: Buyer): string =>
      reservationId(
        SaleId.parse(sale.id),
        UserRef.parse(userRef(userRefSecret, crowd.names.userId(index))),
        crowd.names.reservationKey(index),
      );
    const checks = reconcile({
      buyers: crowd.buyers,
      reservationIdOf,
      reservations,
      orders,
      charges,
      report,
      availability,
      unitsTotal: options.units,
    });
    const holder = crowd.buyers.find(({ orderStatus }) => orderStatus === 'paid') ?? crowd.buyers[0]!;
    const proof = await proveSale(
      {
        saleId: sale.id,
        events: report.events,
        user: crowd.names.userId(holder.index),
        reservationId: reservationIdOf(holder),
        onProgress: (done, of) => {
          display.phase(`verifying ${formatNumber(done)} of ${formatNumber(of)}`);
        },
      },
      surroundings,
    );
    const { tally } = crowd;
    const violated = report.invariants.filter((invariant) => !invariant.holds);
    const tookOver = !options.kill || (takeover !== null && takeover.decidedMs !== null);
    return {
      saleId: sale.id,
      ok: settled && tookOver && violated.length === 0 && tally.unexpected.size === 0 && checks.every((check) => check.ok) && proof.ok,
      settled,
      arrivalSeconds,
      totalSeconds: (performance.now() - startedAt) / 1000,
      tally: {
        ...tally,
        refused: Object.fromEntries(tally.refused),
        unexpected: Object.fromEntries(tally.unexpected),
        retryReasons: Object.fromEntries(tally.retryReasons),
      },
      latency: crowd.latency.summary(),
      takeover,
      checks,
      report,
      availability,
      charges: {
        captured: charges.length,
        refunded: charges.filter((charge) => charge.status === 'refunded').length,
      },
      proof,
    };
  } finally {
    crowd.stop();
    display.end();
    pool.close();
    orderPool.close();
    lookPool.close();
    await ledger.close();
  }
}

async function untilOpen(surroundings: Surroundings, saleId: string): Promise<void> {
  const deadline = performance.now() + 15_000;
  for (;;) {
    const { status } = await showSale(surroundings.call, saleId);
    if (status === 'open') return;
    if (performance.now() > deadline)
      throw new Error(`The sale is ${status} and does not open. Look at the writer's log: firstcome status`);
    await pause(100);
  }
}

/** When half the buyers have arrived: the crash, the takeover, and the killed one back as standby. */
async function killHalfway(
  options: DemoOptions,
  crowd: Crowd,
  saleId: string,
  ledger: LedgerView,
  ports: DemoPorts,
  note: (text: string) => void,
): Promise<Takeover | null> {
  // Early enough that there are units left: what is decided across the takeover is then worth something.
  const killAt = Math.min(options.buyers / 2, options.units / 2);
  while (crowd.tally.arrived < killAt) await pause(20);
  const takeover = await killActiveWriter(saleId, {
    ledger,
    findOwner: (partition) => writerThatOwns(partition, ports.surroundings.writers),
    kill: async (part) => {
      const pid = await ports.kill(part);
      note(`SIGKILL to ${part} (pid ${pid}), which served this sale's line`);
      return pid;
    },
  });
  note(
    takeover.decidedMs === null
      ? 'no other writer took over within 30 s'
      : `another writer owned the line after ${takeover.ownedMs!.toFixed(0)} ms and had committed its first decision after ${takeover.decidedMs.toFixed(0)} ms`,
  );
  await ports.restart(takeover.killed);
  note(`${takeover.killed} is back as standby`);
  return takeover;
}

/** Waits for the holds to end, closes the sale so that those still waiting are told, waits for the last order. */
async function untilSettled(
  options: DemoOptions,
  crowd: Crowd,
  ledger: LedgerView,
  surroundings: Surroundings,
  saleId: string,
  phase: (name: string) => void,
): Promise<boolean> {
  const deadline = performance.now() + options.settleSeconds * 1_000;
  let closed = false;
  while (performance.now() < deadline) {
    const [{ held }, unfinished] = await Promise.all([ledger.stock(saleId), ledger.unfinished(saleId)]);
    if (crowd.asking() === 0 && held === 0 && !closed) {
      await changeSale(surroundings.call, saleId, 'close');
      closed = true;
      phase('closed');
    } else if (closed && unfinished.live === 0 && unfinished.orders === 0 && crowd.paying() === 0) return true;
    await pause(lookEveryMs);
  }
  return false;
}

interface Display {
  readonly phase: (name: string) => void;
  readonly note: (text: string) => void;
  readonly end: () => void;
}

function startDisplay(options: DemoOptions, crowd: Crowd, ledger: LedgerView, saleId: string, progress: Progress): Display {
  const startedAt = performance.now();
  const notes: string[] = [];
  let phase = 'selling';
  let stock: ProgressView['stock'] = null;
  let answeredBefore = 0;
  let lookedAt = startedAt;
  let answeredPerSecond = 0;
  let latency = crowd.recentLatency.summary();
  let looking = false;
  const timer = setInterval(() => {
    if (!looking) {
      looking = true;
      ledger.stock(saleId).then(
        (found) => {
          stock = found;
          looking = false;
        },
        () => (looking = false),
      );
    }
    const now = performance.now();
    if (now - lookedAt >= 1_000) {
      answeredPerSecond = ((crowd.tally.answered - answeredBefore) * 1_000) / (now - lookedAt);
      answeredBefore = crowd.tally.answered;
      lookedAt = now;
      latency = crowd.recentLatency.summary();
      crowd.recentLatency.reset();
    }
    show(now);
  }, showEveryMs);

  function show(now: number): void {
    const { tally } = crowd;
    let refused = 0;
    for (const n of tally.refused.values()) refused += n;
    progress.show({
      phase,
      elapsedSeconds: (now - startedAt) / 1000,
      arrived: tally.arrived,
      buyers: options.buyers,
      answeredPerSecond,
      asking: crowd.asking(),
      stock,
      refused,
      waitlisted: tally.waitlisted,
      offered: tally.offered,
      retries: tally.retries,
      ...latency,
      notes,
    });
  }

  return {
    phase: (name) => (phase = name),
    note: (text) => notes.push(`${((performance.now() - startedAt) / 1000).toFixed(1)} s: ${text}`),
    end() {
      clearInterval(timer);
      show(performance.now());
      progress.end();
    },
  };
}
