import type { IncomingMessage } from 'node:http';
import type { NoteAttempt } from '#shared/edge-records/attempts.ts';
import type { Tier } from '#shared/ledger/edge-records.ts';
import type { Caller } from './authenticate.ts';
import type { ProblemCode } from './catalogue.ts';

/**
 * Requests that never reached the line: which of the edge's refusals are such, and
 * what is kept of them.
 */

/**
 * Whether a POST refused so never stood in a line. Codes of decisions, and those after
 * which nobody knows whether it did, are false; `line_unavailable` is true although its
 * record may turn up after all, because that is what its sender was told.
 */
const NEVER_REACHED_THE_LINE: Readonly<Record<ProblemCode, boolean>> = {
  invalid_request: true,
  idempotency_key_required: true,
  unauthenticated: true,
  payment_failed: false,
  forbidden: true,
  not_found: true,
  sale_not_found: true,
  method_not_allowed: false,
  request_timeout: true,
  sold_out: false,
  insufficient_stock: false,
  per_user_limit: false,
  active_hold_exists: false,
  sale_not_open: false,
  sale_paused: false,
  sale_closed: false,
  not_cancellable: false,
  reservation_not_held: false,
  invalid_transition: false,
  stock_below_committed: false,
  body_too_large: true,
  unsupported_media_type: true,
  unknown_item: false,
  idempotency_key_reused: false,
  rate_limited: true,
  header_too_large: true,
  internal_error: false,
  house_full: true,
  line_unavailable: true,
  ledger_unavailable: true,
  queue_unavailable: false,
  not_yet_signed: false,
  verification_busy: false,
  no_free_line: true,
  upstream_unavailable: false,
  deadline_exceeded: false,
};

/** The request as far as the edge understood it before it refused. */
export interface RefusedRequest {
  readonly request: Pick<IncomingMessage, 'method' | 'headers' | 'socket'>;
  readonly caller: Caller | null;
  /** As the path names it. */
  readonly saleId: string | undefined;
  readonly requestId: string;
  /** Milliseconds. */
  readonly receivedAt: number;
  readonly code: ProblemCode;
  /** A browser that was sent to the waiting room instead of being told. */
  readonly sentToWait: boolean;
}

/** Takes note of a refused request and of who made it, where it never reached the line; of one that only reads, where it was throttled. */
export function createNoteRefused(note: NoteAttempt, noteCaller: (caller: Caller) => void): (refused: RefusedRequest) => void {
  return ({ request, caller, saleId, requestId, receivedAt, code, sentToWait }) => {
    if (request.method === 'POST' ? !NEVER_REACHED_THE_LINE[code] : code !== 'rate_limited') return;
    // An auditor asks for his attempts by his name.
    if (caller !== null) noteCaller(caller);
    note({
      atMs: receivedAt,
      saleId: saleId ?? null,
      userRef: caller?.ref ?? null,
      reason: sentToWait ? 'sent_to_wait' : code,
      tier: tierOf(caller),
      address: addressOf(request),
      device: request.headers['user-agent'] ?? null,
      requestId,
    });
  };
}

function tierOf(caller: Caller | null): Tier {
  if (caller === null) return 'anonymous';
  return caller.scopes.some((scope) => scope !== 'buyer') ? 'operator' : 'buyer';
}

/** The gateway overwrites this header with the address it sees; only it can reach the services. */
function addressOf({ headers, socket }: RefusedRequest['request']): string | null {
  const forwarded = headers['x-forwarded-for'];
  return typeof forwarded === 'string' && forwarded !== '' ? forwarded : (socket.remoteAddress ?? null);
}
