import { createSocket } from 'node:dgram';
import { z } from 'zod';
import type { Attempt, NoteAttempt } from './attempts.ts';

/**
 * What the gateway refuses by its own limits no service sees. nginx tells of each such
 * request by one datagram in the form of a syslog message (`firstcome_refused` in
 * gateway.conf.template). Nothing is kept on the gateway: there is no file that holds
 * addresses, fills a disk or has to be rotated. Datagrams may be lost, and then only
 * this note is.
 */

const Refused = z.object({
  /** Seconds. */
  at: z.string().regex(/^\d{1,11}\.\d{3}$/),
  method: z.string().max(16),
  path: z.string(),
  address: z.string().min(1).max(64),
  agent: z.string(),
  request_id: z.string().regex(/^[\x21-\x7e]{1,128}$/),
  browser: z.enum(['0', '1']),
});

const SALE_PATH = /^\/v1\/sales\/([A-Za-z0-9_-]{1,64})(?:\/|$)/;

/** null where the datagram is not one of the gateway's. */
export function attemptOfDatagram(datagram: Buffer): Attempt | null {
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
  const { at, path, address, agent, request_id: requestId, browser } = parsed.data;
  return {
    atMs: Math.round(Number(at) * 1_000),
    saleId: SALE_PATH.exec(path)?.[1] ?? null,
    // The gateway checks no token.
    userRef: null,
    tier: 'anonymous',
    reason: browser === '1' ? 'sent_to_wait' : 'gateway_rate_limited',
    address,
    device: agent === '' ? null : agent,
    requestId,
  };
}

export interface GatewayRefusals {
  close(): void;
}

/** Receives the gateway's datagrams until it is closed. Where it cannot listen, `onFault` is told and nothing is noted. */
export function receiveGatewayRefusals(
  { host, port }: { readonly host: string; readonly port: number },
  note: NoteAttempt,
  onFault: (error: unknown) => void,
): GatewayRefusals {
  const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4', reuseAddr: false });
  socket.on('error', onFault);
  socket.on('message', (datagram) => {
    const attempt = attemptOfDatagram(datagram);
    if (attempt !== null) note(attempt);
  });
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
