import { SaleId } from '#schemas/ids.ts';
import { json, type Outcome } from '#shared/http/answer.ts';
import { pageOf } from '#shared/http/cursor.ts';
import { pageAsked } from '#shared/http/query.ts';
import { callerOf, type Exchange } from '#shared/http/route.ts';
import type { RecordRead } from '#shared/ledger/log/record-read.ts';
import { attemptsOf, isAttemptId, type StoredAttempt } from '#shared/ledger/read/attempts.ts';
import { refsOfUser } from '#shared/ledger/read/buyers.ts';
import type { Rows } from '#shared/ledger/read/reads.ts';
import { utcTime } from '#shared/proof/utc.ts';

const PRIVATE = { 'cache-control': 'private, no-store' };
const NOBODY = 'nobody known';
const EVERYONE = 'everyone';

/** `GET /v1/audit/attempts?sale_id=&user_id=&limit=&cursor=`: what never reached the line, newest first. Who asks is on record before it is answered. */
export function createAttemptsHandler({ reads, recordRead }: { readonly reads: Rows; readonly recordRead: RecordRead }) {
  return async (exchange: Exchange): Promise<Outcome> => {
    const { limit, after } = pageAsked(exchange.query, isAttemptId);
    const saleText = exchange.query.get('sale_id');
    const sale = saleText === null ? null : SaleId.safeParse(saleText);
    const userId = exchange.query.get('user_id');
    const users = userId === null ? null : await refsOfUser(reads, userId);
    const saleId = sale?.data ?? null;
    await recordRead({
      caller: callerOf(exchange).userId,
      action: 'attempts',
      subject: users === null ? EVERYONE : users.length === 0 ? NOBODY : users.join(' '),
      saleId,
      requestId: exchange.requestId,
    });
    // What cannot be a sale's id names a sale of which nothing was asked; a user of no pseudonym asked for nothing.
    const rows = sale?.success === false || users?.length === 0 ? [] : await attemptsOf(reads, { saleId, users }, after, limit);
    const { page, nextCursor } = pageOf(rows, limit, ({ at_ms: ms, id }) => ({ ms, id: String(id) }));
    return json(200, { data: page.map(viewOf), next_cursor: nextCursor }, PRIVATE);
  };
}

function viewOf({ at_ms: atMs, sale_id, user_ref: user, reason, tier, address_hash, device_hash, request_id }: StoredAttempt) {
  return { at: utcTime(atMs), sale_id, user, reason, tier, address_hash, device_hash, request_id };
}
