import { RetryableFault } from '#shared/faults/faults.ts';
import { consumeSaleEvents } from '#shared/line/sale-events.ts';
import type { ConsumeSaleEventsOptions, SaleEventsConsumer } from '#shared/line/line.ts';

/** Reading the events of all sales, from the moment Kafka is there. */
export interface EventsFollowed {
  /** Why nothing is read at present; null where it is. */
  readonly reason: () => string | null;
  readonly stop: () => Promise<void>;
}

export interface FollowEventsOptions extends ConsumeSaleEventsOptions {
  /** Rejects once `signal` is aborted. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

const retryMs = 1_000;

/**
 * Joins the group as soon as Kafka lets it, and again where it is put out of it: a payment service that starts before
 * Kafka takes up its retries meanwhile.
 */
export function followEvents({ wait, ...options }: FollowEventsOptions, consume = consumeSaleEvents): EventsFollowed {
  const stopping = new AbortController();
  let reason: string | null = 'not in its group yet';
  let consumer: SaleEventsConsumer | null = null;

  function onCrash(error: Error): void {
    consumer = null;
    if (!(error instanceof RetryableFault)) {
      options.onCrash(error);
      return;
    }
    reason = error.message;
    joined = wait(retryMs, stopping.signal).then(join, () => undefined);
    joined.catch(options.onCrash);
  }

  async function join(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        consumer = await consume({ ...options, onCrash });
        reason = null;
        return;
      } catch (error) {
        if (!(error instanceof RetryableFault)) throw error;
        reason = error.message;
        options.log?.warn({ err: error }, 'the events of sales cannot be read yet; trying again');
        await wait(retryMs, stopping.signal).catch(() => undefined);
      }
    }
  }

  let joined = join();
  joined.catch(options.onCrash);
  return {
    reason: () => reason ?? consumer?.blocked()?.message ?? null,
    async stop() {
      stopping.abort();
      await joined;
      await consumer?.stop();
    },
  };
}
