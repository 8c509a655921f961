import type { EpochMs } from '#schemas/ids.ts';
import type { UnsettledSale } from '#shared/ledger/lines.ts';

/** A sale that is not settled, and when this process last put an open or a close on its line. */
export interface PlannedSale extends UnsettledSale {
  readonly openAskedAt: EpochMs | null;
  readonly closeAskedAt: EpochMs | null;
}

export interface PlannedCommand {
  readonly kind: 'open' | 'close' | 'tick';
  readonly sale: UnsettledSale;
}

/** A change that the line has not decided by then is asked for again: with the same key, so that it is decided once. */
export const askAgainMs = 30_000;

/**
 * What this second puts on the lines: a tick for each sale, and the open or the
 * close that is due. The status says whether it is: what an operator has done
 * already is not done again, and what they paused is not opened. A sale whose whole
 * time has passed while nobody looked is closed without having been open.
 */
export function plan(now: EpochMs, sales: readonly PlannedSale[]): readonly PlannedCommand[] {
  return sales.flatMap((sale) => {
    const { openAskedAt, closeAskedAt, ...unsettled } = sale;
    const commands: PlannedCommand[] = [];
    if (now >= sale.endsAt) {
      if (sale.status !== 'closed' && mayAsk(now, closeAskedAt)) commands.push({ kind: 'close', sale: unsettled });
    } else if (now >= sale.startsAt) {
      if (sale.status === 'scheduled' && mayAsk(now, openAskedAt)) commands.push({ kind: 'open', sale: unsettled });
    }
    commands.push({ kind: 'tick', sale: unsettled });
    return commands;
  });
}

function mayAsk(now: EpochMs, askedAt: EpochMs | null): boolean {
  return askedAt === null || now - askedAt >= askAgainMs;
}
