import type { Command } from '#schemas/command.ts';
import type { Place, Enqueue } from '#shared/line/line.ts';
import type { DecisionKey } from '#shared/ledger/read/decisions.ts';
import type { SaleCard } from '#shared/ledger/read/sale-card.ts';
import type { Attempt, Awaited, DecisionWaiter } from './await-decision.ts';
import { refuse } from './problem.ts';
import type { Fingerprint } from '#schemas/ids.ts';

/** Puts requests in a sale's line. Both functions refuse (503, nothing enqueued) while the ledger is away, and throw RetryableFault `line_unavailable`. */
export interface Submit {
  /** Waits for the decision, at most until `deadlineMs` once the request is in the line. */
  andWait(
    line: LineOfSale,
    key: DecisionKey & { readonly fingerprint: Fingerprint },
    deadlineMs: number,
    command: (replyTo: string) => KeyedCommand,
  ): Promise<Awaited>;
  /** Refuses (503) while the ledger is away; for what is done before the request is put in the line. */
  gate(): void;
  /** Waits only until the request is in the line. */
  only(line: LineOfSale, command: Command): Promise<Place>;
}

/** A command of a client's or an operator's. */
export type KeyedCommand = Command & Attempt;

export type LineOfSale = Pick<SaleCard, 'partition' | 'saleNo'>;

export interface SubmitOptions {
  readonly enqueue: Enqueue;
  readonly waiter: DecisionWaiter;
  readonly ledgerIsUp: () => boolean;
}

export function createSubmit({ enqueue, waiter, ledgerIsUp }: SubmitOptions): Submit {
  function gate(): void {
    // The writer cannot decide anything now, so the line would only grow older.
    if (!ledgerIsUp())
      refuse('ledger_unavailable', 'the database is away; send the same request again', { headers: { 'retry-after': '2' } });
  }
  return {
    gate,
    andWait(line, key, deadlineMs, command) {
      gate();
      const wait = waiter.expect({ kind: key.kind, key: key.key, fingerprint: key.fingerprint, saleNo: line.saleNo });
      const sent = command(wait.replyTo);
      return wait.until(deadlineMs, sent, enqueue(line.partition, Buffer.from(JSON.stringify(sent))));
    },
    async only(line, command) {
      gate();
      return enqueue(line.partition, Buffer.from(JSON.stringify(command)));
    },
  };
}
