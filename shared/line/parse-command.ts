import { isAscii, isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { Command } from '#schemas/command.ts';
import { keptText } from '#schemas/text.ts';
import type { ParsedCommand } from './line.ts';
import { commandBytesMax } from './topics.ts';
import { readUsualReservation } from './usual-reservation.ts';

/** Of a command; only one that schedules a sale is ever larger. */
export const usualBytesMax = 1024 * 1024;

const requestIdOf = z.object({ request_id: keptText(200) });

/**
 * What a record's bytes mean. Total: any bytes give an answer and the same bytes the same one. Nothing
 * that could stop the writer later gets through: no text that cannot be stored, nothing too large.
 */
export function parseCommand(value: Buffer | null): ParsedCommand {
  if (value === null) return malformed(Buffer.alloc(0), undefined);
  const ascii = isAscii(value);
  if (value.length > commandBytesMax || !(ascii || isUtf8(value))) return malformed(value, undefined);
  const text = value.toString(ascii ? 'latin1' : 'utf8');
  const reservation = readUsualReservation(text);
  if (reservation !== null) return { ok: true, command: reservation };
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return malformed(value, undefined);
  }
  const parsed = Command.safeParse(content);
  if (!parsed.success || (value.length > usualBytesMax && parsed.data.type !== 'sale.schedule')) return malformed(value, content);
  return { ok: true, command: parsed.data };
}

function malformed(value: Buffer, content: unknown): ParsedCommand {
  const sha256 = createHash('sha256').update(value).digest('hex');
  const requestId = requestIdOf.safeParse(content);
  return requestId.success ? { ok: false, sha256, requestId: requestId.data.request_id } : { ok: false, sha256 };
}
