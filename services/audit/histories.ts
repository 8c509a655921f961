import type { Event } from '#schemas/event.ts';
import { Sku, type UserRef } from '#schemas/ids.ts';
import type { Outcome } from '#shared/http/answer.ts';
import { encodeCursor } from '#shared/http/cursor.ts';
import { pageAsked } from '#shared/http/query.ts';
import { callerOf, param, type Exchange } from '#shared/http/route.ts';
import type { HistoryPlace, HistorySubject, LogReads, PlacedEvent } from '#shared/ledger/log/log-reads.ts';
import type { RecordRead } from '#shared/ledger/log/record-read.ts';
import { subjectsOf, type EventSubjects } from './event-subjects.ts';
import { eventJson, pageJson } from './event-view.ts';

export interface HistoryPorts {
  readonly log: LogReads;
  /** A user's pseudonyms; none where the mapping was erased or never was. */
  readonly userRefsOf: (userId: string) => Promise<readonly UserRef[]>;
  readonly recordRead: RecordRead;
}

const PRIVATE = { 'cache-control': 'private, no-store' };
const NOBODY = 'nobody known';
/** Read at once; of an item that is in every event hardly any of it is another's. */
const pageEventsMax = 200;

/** What happened to one user, to one item: over all sales, in the order in which they were made, each in its own order. */
export function createHistoryHandlers({ log, userRefsOf, recordRead }: HistoryPorts) {
  /** `GET /v1/audit/users/{user_id}/events?limit=&cursor=`. Who asks is on record before it is answered. */
  async function ofUser(exchange: Exchange): Promise<Outcome> {
    const asked = placeAsked(exchange.query);
    const refs = await userRefsOf(param(exchange, 'userId'));
    await recordRead({
      caller: callerOf(exchange).userId,
      action: 'user_events',
      subject: refs.length === 0 ? NOBODY : refs.join(' '),
      saleId: null,
      requestId: exchange.requestId,
    });
    if (refs.length === 0) return page([], null);
    const marks = refs.map((ref) => `"user":"${ref}"`);
    return list({ of: 'users', refs, marks }, ({ user }) => user !== null && refs.includes(user), asked);
  }

  /** `GET /v1/audit/items/{sku}/events?limit=&cursor=`. */
  async function ofItem(exchange: Exchange): Promise<Outcome> {
    const asked = placeAsked(exchange.query);
    const sku = Sku.safeParse(param(exchange, 'sku'));
    // What cannot be a sku names an item that nobody sells.
    if (!sku.success) return page([], null);
    return list({ of: 'item', sku: sku.data }, ({ skus }) => skus.has(sku.data), asked);
  }

  async function list(
    subject: HistorySubject,
    belongs: (subjects: EventSubjects) => boolean,
    { limit, after }: { readonly limit: number; readonly after: HistoryPlace },
  ): Promise<Outcome> {
    const found: PlacedEvent[] = [];
    for (let place: HistoryPlace | null = after; place !== null && found.length <= limit;) {
      const { events, next } = await log.history(subject, place, pageEventsMax);
      for (const event of events) if (speaksOf(event, belongs)) found.push(event);
      place = next;
    }
    return page(found.slice(0, limit), found.length > limit ? found[limit - 1]! : null);
  }

  return { ofUser, ofItem };
}

function page(events: readonly PlacedEvent[], last: PlacedEvent | null): Outcome {
  const next = last === null ? null : encodeCursor({ ms: last.sale_no, id: String(last.seq) });
  const body = pageJson(
    events.map((event) => eventJson(event, event.sale_id)),
    next,
  );
  return { kind: 'answer', status: 200, headers: PRIVATE, body };
}

/** A leaf that cannot be read any more belongs to nobody's list; the log shows it. */
function speaksOf({ leaf }: PlacedEvent, belongs: (subjects: EventSubjects) => boolean): boolean {
  try {
    return belongs(subjectsOf(JSON.parse(leaf.toString('utf8')) as Event));
  } catch {
    return false;
  }
}

/** A cursor of these lists names a sale by its number and an event by its seq. */
function placeAsked(query: URLSearchParams): { limit: number; after: HistoryPlace } {
  const { limit, after } = pageAsked(query, (id) => /^\d{1,15}$/.test(id));
  return { limit, after: after === null ? { saleNo: 0, seq: 0 } : { saleNo: Math.min(after.ms, saleNoMax), seq: Number(after.id) } };
}

const saleNoMax = 2_147_483_647;
