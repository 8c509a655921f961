import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { Command, COMMAND_VERSION } from '#schemas/command.ts';
import { epochMsMax } from '#schemas/ids.ts';
import { keptText } from '#schemas/text.ts';
import type { ParsedCommand } from './line.ts';
import { commandBytesMax } from './topics.ts';

/** Only a sale's terms are ever larger. */
const usualBytesMax = 1024 * 1024;

const requestIdOf = z.object({ request_id: keptText(200) });

/**
 * What a record's bytes mean. Total: any bytes give an answer and the same bytes the same one. Nothing
 * that could stop the writer later gets through: no text that cannot be stored, nothing too large.
 */
export function parseCommand(value: Buffer | null): ParsedCommand {
  if (value === null) return malformed(Buffer.alloc(0), undefined);
  if (value.length > commandBytesMax || !isUtf8(value)) return malformed(value, undefined);
  const text = value.toString('utf8');
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return malformed(value, undefined);
  }
  // Text that must not be kept (NUL, half a character) cannot be written without an escape: JSON takes no raw control character, UTF-8 no surrogate.
  if (!text.includes('\\u') && value.length <= usualBytesMax && isPlainReservation(content)) return { ok: true, command: content };
  const parsed = Command.safeParse(content);
  if (!parsed.success || (value.length > usualBytesMax && parsed.data.type !== 'sale.schedule')) return malformed(value, content);
  return { ok: true, command: parsed.data };
}

function malformed(value: Buffer, content: unknown): ParsedCommand {
  const sha256 = createHash('sha256').update(value).digest('hex');
  const requestId = requestIdOf.safeParse(content);
  return requestId.success ? { ok: false, sha256, requestId: requestId.data.request_id } : { ok: false, sha256 };
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const fingerprint = /^[0-9a-f]{32}$/;
const saleId = /^[A-Za-z0-9_-]{1,64}$/;
const sku = /^(?!__proto__$)[A-Za-z0-9._:-]{1,64}$/;
const traceparent = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

const is = (pattern: RegExp, value: unknown): boolean => typeof value === 'string' && pattern.test(value);
const isText = (value: unknown, lengthMax: number): boolean => typeof value === 'string' && value.length >= 1 && value.length <= lengthMax;
const isCount = (value: unknown, min: number, max: number): boolean =>
  Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;

/**
 * The same answer as the schema's for nearly every reservation there is, at a fraction of its cost: this
 * is the writer's hot path. The text it came from holds no escape. False only says that the schema has to be asked. A property test holds the two together.
 */
export function isPlainReservation(content: unknown): content is Command & { type: 'reservation.create' } {
  if (typeof content !== 'object' || content === null) return false;
  const found = content as Record<string, unknown>;
  if (found['type'] !== 'reservation.create' || found['v'] !== COMMAND_VERSION) return false;
  let keys = 11;
  if (found['traceparent'] !== undefined) keys += 1;
  if (found['reply_to'] !== undefined) keys += 1;
  return (
    Object.keys(found).length === keys &&
    is(saleId, found['sale_id']) &&
    isText(found['request_id'], 200) &&
    (found['traceparent'] === undefined || is(traceparent, found['traceparent'])) &&
    is(fingerprint, found['fingerprint']) &&
    isCount(found['accepted_at'], 0, epochMsMax) &&
    (found['reply_to'] === undefined || isText(found['reply_to'], 100)) &&
    is(uuid, found['reservation_id']) &&
    is(uuid, found['user']) &&
    areItems(found['items']) &&
    typeof found['allow_partial'] === 'boolean' &&
    typeof found['respond_async'] === 'boolean'
  );
}

function areItems(items: unknown): boolean {
  if (!Array.isArray(items) || items.length < 1 || items.length > 20) return false;
  return items.every((item: unknown) => {
    if (typeof item !== 'object' || item === null || Array.isArray(item)) return false;
    const found = item as Record<string, unknown>;
    return Object.keys(found).length === 2 && is(sku, found['sku']) && isCount(found['quantity'], 1, 100);
  });
}
