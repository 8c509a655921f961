import type { Command } from '#schemas/command.ts';
import type { Place, Enqueue } from '#shared/line/line.ts';
import type { DecisionKey } from '#shared/ledger/read/decisions.ts';
import type { SaleCard } from '#shared/ledger/read/sale-card.ts';
import type { Caller } from './authenticate.ts';
import type { Attempt, Awaited, DecisionWaiter } from './await-decision.ts';
import { refuse } from './problem.ts';
import type { Fingerprint } from '#schemas/ids.ts';

/**
 * Puts requests in a sale's line. Both functions refuse (503, nothing enqueued) while the ledger is away and while too
 * many wait for their decision, and throw RetryableFault `line_unavailable`. `buyer` is whose pseudonym the command carries; null where it carries none.
 */
export interface Submit {
  /** Waits for the decision, at most until `deadlineMs` once the request is in the line. */
  andWait(
    line: LineOfSale,
    key: DecisionKey & { readonly fingerprint: Fingerprint },
    deadlineMs: number,
    command: (replyTo: string) => KeyedCommand,
    buyer: Caller | null,
  ): Promise<Awaited>;
  /** Refuses as both do; for what is done before the request is put in the line. */
  gate(): void;
  /** Waits only until the request is in the line. */
  only(line: LineOfSale, command: Command, buyer: Caller | null): Promise<Place>;
}

/** A command of a client's or an operator's. */
export type KeyedCommand = Command & Attempt;

export type LineOfSale = Pick<SaleCard, 'partition' | 'saleNo'>;

export interface SubmitOptions {
  readonly enqueue: Enqueue;
  readonly waiter: DecisionWaiter;
  readonly ledgerIsUp: () => boolean;
  /** Requests that may wait for their decision in this process; absent: any number. */
  readonly waitingMax?: number;
  /** From 0 to 1; absent: by chance. */
  readonly random?: () => number;
  /** Told of each buyer's request, and whether it stands in the line. Throws nothing. */
  readonly noteBuyer?: (buyer: Caller, placed: Promise<Place>) => void;
}

const houseFullSecondsMin = 2;
const houseFullSecondsMax = 6;

export function createSubmit(options: SubmitOptions): Submit {
  const { enqueue, waiter, ledgerIsUp, waitingMax = Infinity, random = Math.random, noteBuyer = () => undefined } = options;

  function gate(): void {
    // The writer cannot decide anything now, so the line would only grow older.
    if (!ledgerIsUp())
      refuse('ledger_unavailable', 'the database is away; send the same request again', { headers: { 'retry-after': '2' } });
    if (waiter.waiting() >= waitingMax) {
      // They do not all come back in the same moment.
      const seconds = houseFullSecondsMin + Math.floor(random() * (houseFullSecondsMax - houseFullSecondsMin + 1));
      refuse('house_full', 'more wait for their decision than can be answered soon; come back after Retry-After seconds', {
        headers: { 'retry-after': String(seconds) },
      });
    }
  }
  function put(line: LineOfSale, command: Command, buyer: Caller | null): Promise<Place> {
    const placed = enqueue(line.partition, Buffer.from(JSON.stringify(command)));
    if (buyer !== null) noteBuyer(buyer, placed);
    return placed;
  }
  return {
    gate,
    andWait(line, key, deadlineMs, command, buyer) {
      gate();
      const wait = waiter.expect({ kind: key.kind, key: key.key, fingerprint: key.fingerprint, saleNo: line.saleNo });
      const sent = command(wait.replyTo);
      return wait.until(deadlineMs, sent, put(line, sent, buyer));
    },
    async only(line, command, buyer) {
      gate();
      return put(line, command, buyer);
    },
  };
}
