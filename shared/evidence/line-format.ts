import { isAscii } from 'node:buffer';
import type { Command } from '#schemas/command.ts';
import { type EpochMs, epochMsMax, type Offset, type SaleId } from '#schemas/ids.ts';
import { parseCommand, usualBytesMax } from '#shared/line/parse-command.ts';
import { commandBytesMax } from '#shared/line/topics.ts';
import { readUsualReservation } from '#shared/line/usual-reservation.ts';
import type { SaleRecord } from '#shared/replay/replay-sale.ts';
import type { EvidenceRecord } from './evidence.ts';
import { termsItemsMax, WITHHELD } from './export-format.ts';

/**
 * A record of the line as a line of `line.ndjson`: `{"o":offset,"t":timestamp}`, with
 * `"c":command` where it is the sale's, with `"m":{"sha256","request_id"?}` where it was
 * none that the writer could read.
 */
export function formatRecord(record: SaleRecord): string {
  const place = `{"o":${record.offset},"t":${record.timestamp}`;
  switch (record.kind) {
    case 'command':
      return `${place},"c":${JSON.stringify(published(record.command))}}`;
    case 'other_sale':
      return `${place}}`;
    case 'malformed':
      return `${place},"m":${JSON.stringify({ sha256: record.sha256, request_id: record.requestId })}}`;
  }
}

/**
 * The command without what is nobody's business and decides nothing: the payment method's
 * token, and which of our processes waited. A reservation stands as the API writes it, which
 * is the form that is read fastest.
 */
function published(command: Command): object {
  if (command.type === 'checkout.request') {
    const { reply_to: _, ...rest } = command;
    return { ...rest, payment_method_id: WITHHELD };
  }
  if (command.type === 'reservation.create') {
    const {
      v,
      type,
      sale_id,
      request_id,
      traceparent,
      fingerprint,
      accepted_at,
      reservation_id,
      user,
      items,
      allow_partial,
      respond_async,
    } = command;
    return {
      v,
      type,
      sale_id,
      request_id,
      traceparent,
      fingerprint,
      accepted_at,
      reservation_id,
      user,
      items,
      allow_partial,
      respond_async,
    };
  }
  if ('reply_to' in command) {
    const { reply_to: _, ...rest } = command;
    return rest;
  }
  return command;
}

const OFFSET_LABEL = Buffer.from('{"o":');
const TIME_LABEL = Buffer.from(',"t":');
const COMMAND_LABEL = Buffer.from(',"c":');
const MALFORMED_LABEL = Buffer.from(',"m":');
const CLOSING = '}'.charCodeAt(0);
const ZERO = '0'.charCodeAt(0);
const NINE = '9'.charCodeAt(0);
/** Every integer of so many digits is exact. */
const digitsMax = 15;

/** Where the reading of a line stands: one for all lines, because closures for each would cost as much as the reading. */
let at = 0;

function label(line: Buffer, bytes: Buffer): boolean {
  for (let index = 0; index < bytes.length; index++) if (line[at + index] !== bytes[index]) return false;
  at += bytes.length;
  return true;
}

/** -1 where there is none, or one of too many digits or with a zero before them. */
function integer(line: Buffer): number {
  const from = at;
  let value = 0;
  for (; at < line.length && at - from <= digitsMax && line[at]! >= ZERO && line[at]! <= NINE; at++) value = value * 10 + line[at]! - ZERO;
  const digits = at - from;
  return digits === 0 || digits > digitsMax || (digits > 1 && line[from] === ZERO) ? -1 : value;
}

const unreadable = (offset: Offset, why: string): EvidenceRecord => ({ kind: 'unreadable', offset, why });

/**
 * The inverse of `formatRecord`, of one line without its newline: what `formatRecord` would not
 * have written is unreadable, so that nothing stands in a line that the check does not see.
 * `due` is the offset it has to have where it has none itself.
 */
export function parseRecord(line: Buffer, saleId: SaleId, due: Offset): EvidenceRecord {
  at = 0;
  if (!label(line, OFFSET_LABEL)) return unreadable(due, 'it has no offset');
  const offset = integer(line) as Offset;
  if (offset < 0 || !label(line, TIME_LABEL)) return unreadable(due, 'it has no offset and time');
  const timestamp = integer(line) as EpochMs;
  if (timestamp < 0 || timestamp > epochMsMax || line.at(-1) !== CLOSING) return unreadable(offset, 'it has no time');
  if (at === line.length - 1) return { kind: 'other_sale', offset, timestamp };
  if (label(line, COMMAND_LABEL)) {
    // Nearly all are of this kind: no bytes of their own are made for them, and what is read this way was matched to the last character.
    const usual = isAscii(line) ? readUsualReservation(line.toString('latin1', at, line.length - 1)) : null;
    if (usual !== null && usual.reply_to === undefined) {
      if (usual.sale_id !== saleId) return unreadable(offset, 'its command is of another sale');
      return { kind: 'command', offset, timestamp, command: usual };
    }
    return parseUnusual(line, saleId, offset, timestamp);
  }
  if (!label(line, MALFORMED_LABEL)) return unreadable(offset, 'it is neither a command nor a malformed record');
  const malformed = parseMalformed(line.toString('utf8', at, line.length - 1));
  if (malformed === null) return unreadable(offset, 'what it says of a malformed record cannot be read');
  return asWritten(line, { kind: 'malformed', offset, timestamp, ...malformed });
}

function parseUnusual(line: Buffer, saleId: SaleId, offset: Offset, timestamp: EpochMs): EvidenceRecord {
  const command = line.subarray(at, -1);
  if (command.length > usualBytesMax && !isLong(command)) return unreadable(offset, 'its command is too long');
  const parsed = parseCommand(command);
  if (!parsed.ok) return unreadable(offset, 'its command cannot be read');
  if (parsed.command.sale_id !== saleId) return unreadable(offset, 'its command is of another sale');
  return asWritten(line, { kind: 'command', offset, timestamp, command: parsed.command });
}

function asWritten(line: Buffer, record: SaleRecord): EvidenceRecord {
  return line.equals(Buffer.from(formatRecord(record))) ? record : unreadable(record.offset, 'it is not written as an export writes it');
}

/** Whether what is so long has no more items than a sale: each of too many that is none would be told, at 200 bytes and more. */
function isLong(command: Buffer): boolean {
  if (command.length > commandBytesMax) return false;
  try {
    const { type, terms } = JSON.parse(command.toString()) as { type?: unknown; terms?: { items?: unknown } | null };
    return type === 'sale.schedule' && Array.isArray(terms?.items) && terms.items.length <= termsItemsMax;
  } catch {
    return false;
  }
}

function parseMalformed(text: string): { sha256: string; requestId?: string } | null {
  let said: { sha256?: unknown; request_id?: unknown } | null;
  try {
    said = JSON.parse(text) as typeof said;
  } catch {
    return null;
  }
  const { sha256, request_id: requestId } = said ?? {};
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) return null;
  if (requestId === undefined) return { sha256 };
  return typeof requestId === 'string' && requestId.isWellFormed() && requestId.length <= 200 ? { sha256, requestId } : null;
}
