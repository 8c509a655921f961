import type { Offset, Partition, SaleId, Seq } from '#schemas/ids.ts';
import { RetryableFault } from '#shared/faults/faults.ts';
import type { OutboxEvent } from '#shared/ledger/ledger.ts';
import type { EventPublisher } from '#shared/line/line.ts';

/**
 * Publishes one partition's committed events in order. Batches that wait are sent
 * together, so that a slow Kafka gets fewer, larger records; a failed one is sent
 * again until it is acknowledged. What an earlier owner may have left unpublished
 * goes first.
 */
export interface Outbox {
  /** A batch was committed: every event of offsets below `nextOffset` is in the ledger. */
  readonly add: (nextOffset: Offset, sales: readonly PublishableSale[]) => void;
  /** Too much waits: decide no more until `onChange`. */
  readonly full: () => boolean;
  readonly isEmpty: () => boolean;
  /** Every event that came from an offset below this one is acknowledged. */
  readonly publishedOffset: () => Offset;
  /** Sends nothing more; a send under way may still arrive (consumers drop what they have seen). */
  readonly stop: () => void;
}

export interface PublishableSale {
  readonly saleId: SaleId;
  readonly events: readonly { readonly seq: Seq; readonly leaf: string }[];
}

export interface OutboxOptions {
  readonly partition: Partition;
  /** Where the ledger says that publishing got to, and where deciding begins. */
  readonly publishedOffset: Offset;
  readonly nextOffset: Offset;
  readonly unpublished: (partition: Partition, fromOffset: Offset) => AsyncIterable<readonly OutboxEvent[]>;
  readonly publish: EventPublisher['publish'];
  readonly schedule: (ms: number, run: () => void) => () => void;
  readonly onChange: () => void;
  /** A fault that is not retryable: a bug or a matter for a person. */
  readonly onFault: (error: unknown) => void;
  readonly onRetry: (fault: RetryableFault, waitMs: number) => void;
  readonly unpublishedEventsMax: number;
  readonly unpublishedBatchesMax: number;
}

interface Waiting {
  nextOffset: Offset;
  readonly sales: readonly PublishableSale[];
  readonly events: number;
}

/** Events sent in one call; the publisher splits them by bytes. */
const sendEventsMax = 10_000;
const retryMsMin = 50;
const retryMsMax = 5_000;

export function createOutbox(options: OutboxOptions): Outbox {
  const waiting: Waiting[] = [];
  let waitingEvents = 0;
  let published = options.publishedOffset;
  let busy = false;
  let stopped = false;

  async function retrying(send: () => Promise<void>): Promise<void> {
    for (let waitMs = retryMsMin; !stopped; waitMs = Math.min(waitMs * 2, retryMsMax)) {
      try {
        await send();
        return;
      } catch (error) {
        if (!(error instanceof RetryableFault)) throw error;
        options.onRetry(error, waitMs);
        await new Promise<void>((resolve) => options.schedule(waitMs, resolve));
      }
    }
  }

  async function publish(sales: readonly PublishableSale[]): Promise<void> {
    for (const { saleId, events } of sales) {
      if (stopped) return;
      await options.publish(options.partition, saleId, events);
    }
  }

  /** The tail an earlier owner left. Events of this tenure are in the ledger too by now; they are published in their turn. */
  async function republish(): Promise<void> {
    for await (const events of options.unpublished(options.partition, options.publishedOffset)) {
      await publish(bySale(events.filter((event) => event.offset < options.nextOffset)));
      if (stopped) return;
    }
  }

  async function sendWaiting(): Promise<void> {
    while (waiting.length > 0 && !stopped) {
      let events = 0;
      let count = 0;
      for (const batch of waiting) {
        if (count > 0 && events + batch.events > sendEventsMax) break;
        events += batch.events;
        count++;
      }
      const batches = waiting.slice(0, count);
      const last = batches.at(-1);
      if (last === undefined) return;
      const sales = joined(batches);
      if (sales.length > 0) await retrying(() => publish(sales));
      // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- `stop` may have been called while this waited
      if (stopped) return;
      waiting.splice(0, count);
      waitingEvents -= events;
      published = last.nextOffset;
      options.onChange();
    }
  }

  function run(send: () => Promise<void>): void {
    busy = true;
    send()
      .then(sendWaiting)
      .then(
        () => {
          busy = false;
          if (waiting.length > 0 && !stopped) run(() => Promise.resolve());
          else options.onChange();
        },
        (error: unknown) => {
          busy = false;
          options.onFault(error);
        },
      );
  }

  const begin = async (): Promise<void> => {
    await retrying(republish);
    if (!stopped) published = options.nextOffset;
  };
  if (options.publishedOffset < options.nextOffset) run(begin);

  return {
    add(nextOffset, sales) {
      if (stopped) return;
      const events = sales.reduce((sum, sale) => sum + sale.events.length, 0);
      if (events === 0 && waiting.length === 0 && !busy) {
        published = nextOffset;
        return;
      }
      waiting.push({ nextOffset, sales, events });
      waitingEvents += events;
      if (!busy) run(() => Promise.resolve());
    },
    full: () => waitingEvents >= options.unpublishedEventsMax || waiting.length >= options.unpublishedBatchesMax,
    isEmpty: () => waiting.length === 0 && !busy,
    publishedOffset: () => published,
    stop() {
      stopped = true;
    },
  };
}

/** Events in their order, cut where the sale changes. */
function bySale(events: readonly OutboxEvent[]): PublishableSale[] {
  const sales: { saleId: SaleId; events: OutboxEvent[] }[] = [];
  for (const event of events) {
    const last = sales.at(-1);
    if (last?.saleId === event.saleId) last.events.push(event);
    else sales.push({ saleId: event.saleId, events: [event] });
  }
  return sales;
}

/** Batches as one list, a sale's neighbouring runs joined. */
function joined(batches: readonly Waiting[]): PublishableSale[] {
  const sales: { saleId: SaleId; events: { seq: Seq; leaf: string }[] }[] = [];
  for (const batch of batches) {
    for (const { saleId, events } of batch.sales) {
      const same = sales.find((sale) => sale.saleId === saleId);
      if (same === undefined) sales.push({ saleId, events: [...events] });
      else for (const event of events) same.events.push(event);
    }
  }
  return sales;
}
