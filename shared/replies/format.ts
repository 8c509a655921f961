import { OrderId, SaleId, Seq } from '#schemas/ids.ts';
import { leafLines } from '#shared/proof/leaf-lines.ts';
import type { Reply } from './replies.ts';

/**
 * How replies travel by Redis: one message for each API process and batch, one
 * line for each reply. `d <waiter> <leaf>`, `r <waiter> <sale> <seq>`, `u <waiter> <sale>`.
 * A leaf is canonical JSON and so has no newline. Orders: one id a line.
 */

export const ordersChannel = 'firstcome:orders';

export function repliesChannel(instance: string): string {
  return `firstcome:replies:${instance}`;
}

const instancePattern = /^[A-Za-z0-9_.-]{1,64}$/;
const waiterPattern = /^[a-z0-9]{1,32}$/;

export function isInstance(instance: string): boolean {
  return instancePattern.test(instance);
}

export function toReplyTo(instance: string, waiter: string): string {
  return `${instance}/${waiter}`;
}

export interface EncodedReplies {
  /** Message for each instance. */
  readonly messages: ReadonlyMap<string, Buffer>;
  /** Replies whose `replyTo` is none of ours, or that cannot be told on one line. */
  readonly unaddressed: number;
}

export function encodeReplies(replies: readonly Reply[]): EncodedReplies {
  const lines = new Map<string, Lines>();
  let unaddressed = 0;
  // Replies to one instance come in runs: most find their lines without asking the map.
  let address = '';
  let others: Lines | undefined;
  for (const reply of replies) {
    const slash = reply.replyTo.indexOf('/');
    if (others === undefined || slash + 1 !== address.length || !reply.replyTo.startsWith(address)) {
      const instance = reply.replyTo.slice(0, Math.max(0, slash));
      if (!instancePattern.test(instance)) {
        unaddressed += 1;
        continue;
      }
      address = `${instance}/`;
      others = lines.get(instance);
      if (others === undefined) lines.set(instance, (others = { heads: [], leaves: [] }));
    }
    const waiter = reply.replyTo.slice(slash + 1);
    const leaf = reply.kind === 'decided' ? reply.leaf : '';
    if (!waiterPattern.test(waiter) || leaf.includes('\n')) {
      unaddressed += 1;
      continue;
    }
    others.heads.push(headOf(reply, waiter));
    others.leaves.push(leaf);
  }
  const messages = new Map<string, Buffer>();
  for (const [instance, { heads, leaves }] of lines) if (heads.length > 0) messages.set(instance, leafLines(leaves, heads));
  return { messages, unaddressed };
}

/** The lines of one message: what stands before the leaf, and the leaf where there is one. */
interface Lines {
  readonly heads: string[];
  readonly leaves: string[];
}

function headOf(reply: Reply, waiter: string): string {
  switch (reply.kind) {
    case 'decided':
      return `d ${waiter} `;
    case 'repeated':
      return `r ${waiter} ${reply.saleId} ${reply.seq}`;
    case 'unknown_sale':
      return `u ${waiter} ${reply.saleId}`;
  }
}

/** Total: a line that is none of ours is counted and passed over. A leaf is not looked into here. */
export function parseReplies(instance: string, message: string): { readonly replies: readonly Reply[]; readonly malformed: number } {
  const replies: Reply[] = [];
  let malformed = 0;
  for (const line of message.split('\n')) {
    const reply = parseLine(instance, line);
    if (reply === null) malformed += 1;
    else replies.push(reply);
  }
  return { replies, malformed };
}

function parseLine(instance: string, line: string): Reply | null {
  const space = line.indexOf(' ', 2);
  if (line[1] !== ' ' || space === -1) return null;
  const waiter = line.slice(2, space);
  if (!waiterPattern.test(waiter)) return null;
  const replyTo = toReplyTo(instance, waiter);
  const rest = line.slice(space + 1);
  switch (line[0]) {
    case 'd':
      return rest.startsWith('{') && rest.endsWith('}') ? { kind: 'decided', replyTo, leaf: rest } : null;
    case 'r': {
      const [sale, seqText, ...more] = rest.split(' ');
      const saleId = SaleId.safeParse(sale);
      const seq = Seq.safeParse(/^[0-9]+$/.test(seqText ?? '') ? Number(seqText) : undefined);
      return saleId.success && seq.success && more.length === 0 ? { kind: 'repeated', replyTo, saleId: saleId.data, seq: seq.data } : null;
    }
    case 'u': {
      const saleId = SaleId.safeParse(rest);
      return saleId.success ? { kind: 'unknown_sale', replyTo, saleId: saleId.data } : null;
    }
    default:
      return null;
  }
}

export function encodeOrders(orders: readonly OrderId[]): string {
  return orders.join('\n');
}

/** Total, like `parseReplies`. */
export function parseOrders(message: string): { readonly orders: readonly OrderId[]; readonly malformed: number } {
  const orders: OrderId[] = [];
  let malformed = 0;
  for (const line of message.split('\n')) {
    const order = OrderId.safeParse(line);
    if (order.success) orders.push(order.data);
    else malformed += 1;
  }
  return { orders, malformed };
}
