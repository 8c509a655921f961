import { COMMAND_VERSION, type Command } from '#schemas/command.ts';
import type { EpochMs } from '#schemas/ids.ts';
import { fingerprint, requestKey } from '#shared/ids/derive.ts';
import type { PlannedCommand } from './plan.ts';

/** No user can be called that: users appear as pseudonyms. */
const scheduler = 'firstcome:scheduler';

/** A planned command as it is put on the line. An open or a close has a key of its sale's own: it is decided once, whoever repeats it. */
export function commandOf({ kind, sale }: PlannedCommand, now: EpochMs): Command {
  const envelope = { v: COMMAND_VERSION, sale_id: sale.saleId } as const;
  if (kind === 'tick') return { ...envelope, type: 'tick', request_id: 'scheduler:tick' };
  return {
    ...envelope,
    type: kind === 'open' ? 'sale.open' : 'sale.close',
    request_id: `scheduler:${kind}:${sale.saleId}`,
    key: requestKey(scheduler, `/v1/sales/${sale.saleId}/${kind}`, kind),
    fingerprint: fingerprint([kind, sale.saleId]),
    accepted_at: now,
  };
}
