import { createSocket } from 'node:dgram';
import { z } from 'zod';
import type { Attempt, NoteAttempt } from './attempts.ts';

/**
 * What the gateway refuses by its own limits no service sees. nginx tells of each such
 * request by one datagram in the form of a syslog message (`firstcome_refused` in
 * gateway.conf.template). Nothing is kept on the gateway: there is no file that holds
 * addresses, fills a disk or has to be rotated. Datagrams may be lost, and then only
 * this note is. In a flood they are counted more than they are read: before a full house
 * nginx tells of every hundredth and says that it stands for a hundred, and what comes
 * faster than `readASecondMax` is counted unread.
 */

/** More than two seconds' attempts that are kept (open-edge-records.ts), and a twentieth of a core's time. */
const readASecondMax = 5_000;

const Refused = z.object({
  /** Seconds. */
  at: z.string().regex(/^\d{1,11}\.\d{3}$/),
  method: z.string().max(16),
  path: z.string(),
  address: z.string().min(1).max(64),
  agent: z.string(),
  request_id: z.string().regex(/^[\x21-\x7e]{1,128}$/),
  browser: z.enum(['0', '1']),
  reason: z.enum(['gateway_rate_limited', 'house_full']).default('gateway_rate_limited'),
  stands_for: z.enum(['1', '100']).default('1'),
});

const SALE_PATH = /^\/v1\/sales\/([A-Za-z0-9_-]{1,64})(?:\/|$)/;

/** One that the gateway tells of, and for how many it stands. */
export interface GatewayRefusal extends Attempt {
  readonly standsFor: number;
}

/** null where the datagram is not one of the gateway's. */
export function refusalOfDatagram(datagram: Buffer): GatewayRefusal | null {
  // As Node reads a header: each byte a character.
  const text = datagram.toString('latin1');
  const from = text.indexOf('{');
  if (from < 0) return null;
  let content: unknown;
  try {
    content = JSON.parse(text.slice(from));
  } catch {
    return null;
  }
  const parsed = Refused.safeParse(content);
  if (!parsed.success) return null;
  const { at, path, address, agent, request_id: requestId, browser, reason, stands_for: standsFor } = parsed.data;
  return {
    atMs: Math.round(Number(at) * 1_000),
    saleId: SALE_PATH.exec(path)?.[1] ?? null,
    // The gateway checks no token.
    userRef: null,
    tier: 'anonymous',
    reason: browser === '1' ? 'sent_to_wait' : reason,
    address,
    device: agent === '' ? null : agent,
    requestId,
    standsFor: Number(standsFor),
  };
}

export interface GatewayRefusals {
  close(): void;
}

export interface ReceiveGatewayRefusals {
  readonly host: string;
  readonly port: number;
  readonly note: NoteAttempt;
  /** Told how many were refused; `unread` where they came too fast to look at. */
  readonly count: (reason: string, refusals: number) => void;
  /** Told where it cannot listen; nothing is noted then. */
  readonly onFault: (error: unknown) => void;
  readonly now?: () => number;
}

/** Receives the gateway's datagrams until it is closed. */
export function receiveGatewayRefusals(options: ReceiveGatewayRefusals): GatewayRefusals {
  const { host, port, note, count, onFault, now = Date.now } = options;
  let second = 0;
  let readInSecond = 0;

  function receive(datagram: Buffer): void {
    const current = Math.floor(now() / 1_000);
    if (current !== second) [second, readInSecond] = [current, 0];
    if (readInSecond >= readASecondMax) {
      count('unread', 1);
      return;
    }
    readInSecond += 1;
    const refusal = refusalOfDatagram(datagram);
    if (refusal === null) return;
    const { standsFor, ...attempt } = refusal;
    count(attempt.reason, standsFor);
    note(attempt);
  }
  const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4', reuseAddr: false });
  socket.on('error', onFault);
  socket.on('message', receive);
  socket.bind({ address: host, port });
  socket.unref();
  let closed = false;
  return {
    close() {
      if (closed) return;
      closed = true;
      socket.close();
    },
  };
}
