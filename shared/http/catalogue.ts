/** One kind of problem a client can meet. */
export interface CatalogueEntry {
  readonly status: number;
  readonly title: string;
  /** The same request, sent again unchanged, may succeed. */
  readonly retryable: boolean;
  /** What it means and what to do next, for the page that the problem's `type` opens. */
  readonly description: string;
}

const entry = (status: number, title: string, description: string, retryable = false): CatalogueEntry => ({
  status,
  title,
  retryable,
  description,
});

/**
 * Every problem any service answers with, by its stable code. docs/errors.md says
 * the same; a test compares them.
 */
export const CATALOGUE = {
  invalid_request: entry(
    400,
    'The request is not well formed',
    'Something in the body, the query, a header or the path cannot be used. `errors` points at each field and says why. Correct it and send it again; the idempotency key is still free.',
  ),
  idempotency_key_required: entry(
    400,
    'An Idempotency-Key is required',
    'Requests that change stock or money need a key of 1 to 255 printable ASCII characters in the header `Idempotency-Key` (or `X-Idempotency-Key`, or the body field `idempotency_key`). Make one per intended action, and send the same one with each retry of it.',
  ),
  unauthenticated: entry(
    401,
    'Who is asking is not known',
    'No token came with the request, or it is not valid any more. Send `Authorization: Bearer <JWT>` with a token that has not expired.',
  ),
  payment_failed: entry(
    402,
    'The payment failed',
    'The payment gateway declined, or gave no answer before the deadline. `order` is the order as it ended. Where the reservation is still held, order again with a new idempotency key and another payment method.',
  ),
  forbidden: entry(
    403,
    'The token does not allow this',
    'The call needs a scope that the token has not: `buyer`, `operator` or `auditor`. Scopes do not include each other. Ask for a token with the scope that `detail` names.',
  ),
  not_found: entry(
    404,
    'There is nothing here',
    'No such route, reservation or order, or it belongs to another user. Check the path and the token.',
  ),
  sale_not_found: entry(404, 'There is no such sale', 'No sale has this id. `GET /v1/sales` lists those there are.'),
  method_not_allowed: entry(405, 'The path does not take this method', 'The header `Allow` lists the methods that it takes.'),
  request_timeout: entry(
    408,
    'The request took too long to arrive',
    'The whole request has to arrive within 30 seconds. Send it again with the same idempotency key.',
    true,
  ),
  sold_out: entry(
    409,
    'Nothing is left',
    'At least one of the items has nothing left, and the sale has no waitlist with room. Stock may come back while holds expire: try again with a new idempotency key.',
  ),
  insufficient_stock: entry(
    409,
    'Not enough is left',
    'Less is left than was asked for. Ask for less, or send `allow_partial: true`, with a new idempotency key.',
  ),
  per_user_limit: entry(
    409,
    'The limit per user is reached',
    'The sale limits how many units one user may hold or buy, and this request would go beyond. Units that are released count no longer.',
  ),
  active_hold_exists: entry(
    409,
    'A reservation is already held',
    'The sale limits how many reservations one user may have held or being paid at once. Pay or cancel the earlier one first.',
  ),
  sale_not_open: entry(
    409,
    'The sale has not opened',
    'The sale takes reservations from `starts_at` on, or when its operator opens it. Try then, with a new idempotency key.',
  ),
  sale_paused: entry(
    409,
    'The sale is paused',
    'The operator has paused the sale; what is held stays held and can be paid. Try later, with a new idempotency key.',
  ),
  sale_closed: entry(409, 'The sale is closed', 'The sale takes no new reservations. What is held can be paid until its deadline.'),
  not_cancellable: entry(
    409,
    'The reservation cannot be cancelled',
    'Only a held or waitlisted reservation can be cancelled: this one is being paid, is confirmed, or has ended. `reservation_status` says which.',
  ),
  reservation_not_held: entry(
    409,
    'The reservation is not held',
    'Only a held reservation can be ordered. `reservation_status` says how it stands; where it was released, reserve again.',
  ),
  invalid_transition: entry(
    409,
    'The sale cannot go from its status to that one',
    'A scheduled sale can be opened, an open one paused, a paused one resumed, any of them closed. `GET /v1/sales/{sale_id}` tells the status.',
  ),
  stock_below_committed: entry(
    409,
    'The stock cannot go below what is held and sold',
    'The change would leave less than what buyers hold or have bought. Take away less, or wait until holds expire.',
  ),
  body_too_large: entry(413, 'The body is too large', 'A body may have 64 KiB. Send less.'),
  unsupported_media_type: entry(
    415,
    'The body is not JSON',
    'Send the body as UTF-8 with `Content-Type: application/json` and no content encoding.',
  ),
  unknown_item: entry(
    422,
    'The sale has no such item',
    'At least one sku is not sold in this sale. `GET /v1/sales/{sale_id}` lists its items. Ask again with a new idempotency key.',
  ),
  idempotency_key_reused: entry(
    422,
    'The idempotency key was used for another request',
    'The same user sent this key before with another body. Make a new key for a new request; for a retry send the body unchanged.',
  ),
  rate_limited: entry(
    429,
    'Too many requests',
    'The user has sent more requests than `RateLimit-Policy` allows. Wait as many seconds as `Retry-After` says, then go on with the same idempotency key.',
    true,
  ),
  header_too_large: entry(431, 'The headers are too large', 'All headers together may have 16 KiB. Send fewer or shorter ones.'),
  internal_error: entry(
    500,
    'Something went wrong on our side',
    'A bug: report the `request_id`. A retry with the same idempotency key is safe and finds out what became of the request.',
    true,
  ),
  house_full: entry(
    503,
    'Too many are here at once',
    'More requests are under way than can be answered soon, so this one was not put in the line. Send it again with the same idempotency key after `Retry-After` seconds; how long one waits says nothing about what is left.',
    true,
  ),
  line_unavailable: entry(
    503,
    'The line cannot be reached',
    'The request could not be put in the line, or nobody knows whether it was. Send it again with the same idempotency key after `Retry-After` seconds: if it stood in the line, that request is the one that counts.',
    true,
  ),
  ledger_unavailable: entry(
    503,
    'The ledger cannot be reached',
    'The database is away; nothing was put in the line. Send the request again with the same idempotency key after `Retry-After` seconds.',
    true,
  ),
  queue_unavailable: entry(
    503,
    'What stands in the line cannot be told',
    'The reservation or order is not decided yet, or there is none with this id: which of the two is not known while Redis is away. Ask again after `Retry-After` seconds; once it is decided it is found in any case.',
    true,
  ),
  not_yet_signed: entry(
    503,
    'The log is not signed so far yet',
    'The decision stands in the log, and no signed checkpoint covers it yet. Ask again after `Retry-After` seconds: a checkpoint is at most 5 seconds behind. Where it stays so, an operator has to look at `/readyz` of the audit service.',
    true,
  ),
  verification_busy: entry(
    503,
    'Other verifications are under way',
    'A verification decides a whole sale again, so a process runs one at a time and lets a few wait. Ask again after `Retry-After` seconds, or verify an export on your own machine with `firstcome audit verify`.',
    true,
  ),
  no_free_line: entry(
    503,
    'Every line is in use',
    'Each active sale has a line of its own and all lines are taken. Close a sale and let its holds end, or raise `LINE_PARTITIONS`.',
    true,
  ),
  upstream_unavailable: entry(
    503,
    'The service behind the gateway cannot be reached',
    'The gateway got no answer from the service. Send the request again with the same idempotency key after `Retry-After` seconds: where it was carried out, its answer is given again.',
    true,
  ),
  deadline_exceeded: entry(
    503,
    'The answer took too long',
    'No answer could be given within the time limit. Send the request again with the same idempotency key to find out what became of it.',
    true,
  ),
} as const satisfies Record<string, CatalogueEntry>;

export type ProblemCode = keyof typeof CATALOGUE;

export function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(CATALOGUE, code);
}
