import type { Event } from '#schemas/event.ts';
import type { SaleId } from '#schemas/ids.ts';
import { RetryableFault } from '#shared/faults/faults.ts';
import { encodeCommand } from '#shared/line/encode.ts';
import { PAYMENT_EVENT_TYPES } from '#shared/payments/enroll.ts';
import { chargeOutcomeOf, foundChargeIn, refundOutcomeOf, type GatewayAnswer, type PaymentGateway } from '#shared/payments/gateway.ts';
import { createMemoryBooks, type MemoryBooks } from '#shared/payments/testing/memory-books.ts';
import { openLog } from '#shared/telemetry/log.ts';
import { apply, judgeCharge, judgeRefund, listCharges, type Answer } from '#services/gateway-sim/book.ts';
import { startPaymentService, type PaymentService } from '#services/payment/service.ts';
import { createLineEnqueuer } from './enqueuer.ts';
import type { CallName } from './faults.ts';
import { createProcess, type SimProcess } from './process.ts';
import type { World } from './world.ts';

/** A payment process: the real service over the books, the gateway's books and the line in memory. */
export interface SimPayment {
  readonly process: SimProcess;
  readonly service: PaymentService;
}

/** Short, so that leases end, tries are used up and people are asked within a run. */
const timeoutMs = 1_000;
const leaseMs = 3_000;
const retryBaseMs = 200;
const triesMax = 5;
const callsMax = 16;
const eventsRetryMs = 200;

export const silentLog = openLog({ service: 'simulation', instance: 'simulation', level: 'silent' });
const ignore = (): void => undefined;
const METRICS = { observeCall: ignore, observeReport: ignore, setInFlight: ignore, setGatewayAway: ignore, setBacklog: ignore };

export function createBooks({ ledger, time }: World): MemoryBooks {
  return createMemoryBooks({
    orderOf: (id) => ledger.orders.get(id) ?? null,
    partitionOf: (saleId) => ledger.lines.get(saleId as SaleId)?.partition ?? null,
    now: time.now,
  });
}

/** Where the group of payment services has read `sale.events` to. */
export interface Group {
  committed: number;
}

export function startPayment(world: World, name: string, books: MemoryBooks, group: Group): SimPayment {
  const process = createProcess(world, name);
  world.note(name, 'starts');
  const enqueuer = createLineEnqueuer(world, process, 'payment produce');
  const service = startPaymentService({
    books: {
      enroll: (events, claim) => process.call('payment enroll', 'ledger', () => books.enroll(events, claim)),
      claimDue: (limit, lease, tries) => process.call('payment claim', 'ledger', () => books.claimDue(limit, lease, tries)),
      recordFacts: (facts) => process.call('payment record', 'ledger', () => books.recordFacts(facts)),
      readBacklog: () => books.readBacklog(),
      listManual: () => books.listManual(),
      stateOf: (orderId) => books.stateOf(orderId),
    },
    gateway: gatewayOf(world, process),
    enqueue: (partition, command) => enqueuer.enqueue(partition, encodeCommand(command)),
    metrics: METRICS,
    log: silentLog,
    callsMax,
    leaseMs,
    retryBaseMs,
    triesMax,
    clock: { nowMs: world.time.now, schedule: process.schedule },
    random: () => world.chance.next('jitter'),
  });
  follow(world, process, service, group);
  return { process, service };
}

/** Reads the events at least once: a repetition is a redelivery, as is everything behind what was committed last. */
function follow(world: World, process: SimProcess, service: PaymentService, group: Group): void {
  let reading = false;
  let next = group.committed;
  const read = async (): Promise<void> => {
    if (reading) return;
    reading = true;
    for (let record = world.events.records[next]; record !== undefined && !process.isDead(); record = world.events.records[next]) {
      const events = record.events.map(({ leaf }) => JSON.parse(leaf) as Event);
      const ours = events.filter(({ type }) => (PAYMENT_EVENT_TYPES as readonly string[]).includes(type));
      try {
        if (ours.length > 0) await service.takeIn(ours);
        next += 1;
        if (world.faults.next('payment events') === 'redelivered') next = Math.max(0, next - 3);
        else group.committed = Math.max(group.committed, next);
      } catch (error) {
        if (!(error instanceof RetryableFault)) {
          world.violated('the payment service met a bug', String(error));
          return;
        }
        await new Promise<void>((resolve) => process.schedule(eventsRetryMs, resolve));
      }
    }
    reading = false;
  };
  const wake = (): void => void process.schedule(1 + world.chance.below('event', 5), () => void read());
  process.onKill(world.events.onPublish(wake));
  wake();
}

function gatewayOf(world: World, process: SimProcess): PaymentGateway {
  const { book, time } = world;
  const at = (): string => new Date(time.now()).toISOString();

  /** The answer on its way back to a caller who waits no longer than `timeoutMs`. */
  async function ask(name: CallName, act: () => Answer): Promise<GatewayAnswer> {
    try {
      // What goes wrong on the way back is decided before the answer is known to the caller.
      const answer = await process.call(name, 'gateway', act);
      const afterMs = answer.kind === 'answer' ? answer.afterMs : Infinity;
      await new Promise<void>((resolve) => process.schedule(Math.min(afterMs, timeoutMs), resolve));
      return answer.kind === 'answer' && afterMs <= timeoutMs ? answer : { kind: 'none', why: 'timeout' };
    } catch (error) {
      if (!(error instanceof RetryableFault)) throw error;
      return { kind: 'none', why: error.code === 'commit_unknown' ? 'timeout' : 'network' };
    }
  }

  return {
    async charge(order) {
      const request = {
        amount: order.amount,
        currency: order.currency,
        payment_method_id: order.paymentMethodId,
        reference: order.orderId,
      };
      const answer = await ask('payment charge', () => {
        const judged = judgeCharge(book, order.orderId, request, at());
        if (judged.entry !== null) apply(book, judged.entry);
        world.note('gateway', `charge ${order.orderId}: ${judged.entry?.kind ?? 'nothing new'}`);
        return judged.answer;
      });
      return chargeOutcomeOf(answer, order);
    },
    async refund({ orderId, chargeId }) {
      const answer = await ask('payment refund', () => {
        const judged = judgeRefund(book, `refund:${orderId}`, chargeId, at());
        if (judged.entry !== null) apply(book, judged.entry);
        world.note('gateway', `refund ${orderId}: ${judged.entry?.kind ?? 'nothing new'}`);
        return judged.answer;
      });
      return refundOutcomeOf(answer);
    },
    async findCharge(orderId) {
      const answer = await ask('payment findCharge', () => ({
        kind: 'answer',
        status: 200,
        body: listCharges(book, { reference: orderId, cursor: 0, limit: 1 }),
        afterMs: 0,
      }));
      return foundChargeIn(answer, orderId);
    },
    async answers() {
      const answer = await ask('payment probe', () => ({ kind: 'answer', status: 200, body: {}, afterMs: 0 }));
      return answer.kind === 'answer';
    },
    close: ignore,
  };
}
