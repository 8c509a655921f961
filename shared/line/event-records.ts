import { Event, type EventType } from '#schemas/event.ts';
import { SaleId, type Seq } from '#schemas/ids.ts';
import { leafLines } from '#shared/proof/leaf-lines.ts';
import type { EventRange } from './line.ts';

/**
 * The records of `sale.events`, without Kafka: key is the sale, value the leaves
 * of one batch joined by newlines (a leaf is canonical JSON and has none), headers
 * `first_seq`, `last_seq` and `v`.
 */

export const eventRecordBytesMax = 900_000;
export const eventRecordVersion = '1';

export interface SequencedLeaf {
  readonly seq: Seq;
  readonly leaf: string;
}

export interface EventRecord {
  readonly range: EventRange;
  readonly value: Buffer;
  readonly headers: { readonly first_seq: string; readonly last_seq: string; readonly v: string };
}

/** As few records as fit the bound, in order. A leaf that is larger by itself has a record of its own. */
export function toEventRecords(saleId: SaleId, events: readonly SequencedLeaf[], bytesMax = eventRecordBytesMax): EventRecord[] {
  const records: EventRecord[] = [];
  let from = 0;
  let bytes = 0;
  for (const [index, { leaf }] of events.entries()) {
    const leafBytes = Buffer.byteLength(leaf) + 1;
    if (index > from && bytes + leafBytes > bytesMax) {
      records.push(toRecord(saleId, events.slice(from, index)));
      from = index;
      bytes = 0;
    }
    bytes += leafBytes;
  }
  if (events.length > from) records.push(toRecord(saleId, events.slice(from)));
  return records;
}

function toRecord(saleId: SaleId, events: readonly SequencedLeaf[]): EventRecord {
  const firstSeq = events[0]!.seq;
  const lastSeq = events.at(-1)!.seq;
  return {
    range: { saleId, firstSeq, lastSeq },
    value: leafLines(events.map(({ leaf }) => leaf)),
    headers: { first_seq: String(firstSeq), last_seq: String(lastSeq), v: eventRecordVersion },
  };
}

/** A record as it was read, whoever wrote it. */
export interface ReceivedRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

export interface ParsedEventRecord {
  readonly events: readonly Event[];
  /** Of the events that could be read; null where none could. */
  readonly range: EventRange | null;
  /** Why each leaf that could not be read could not. */
  readonly poison: readonly string[];
  /** Why the first leaf that may not be passed over could not be read. */
  readonly blocked: string | null;
}

const EVENT_TYPES: ReadonlySet<unknown> = new Set(Event.options.map(({ shape }) => shape.type.value));

/**
 * Total: never throws, whatever stands in the record. With `types` only these are validated and returned; the range
 * covers the others beside them too. A leaf whose type begins with one of `neverSkipped` and that this reader does not know blocks.
 * A record in which neither stands anywhere is not looked into: no range, no poison.
 */
export function parseEventRecord(
  record: ReceivedRecord,
  types?: ReadonlySet<EventType>,
  neverSkipped: readonly string[] = [],
): ParsedEventRecord {
  const saleId = SaleId.safeParse(record.key?.toString('utf8'));
  if (!saleId.success) return { events: [], range: null, poison: ['its key is not a sale'], blocked: null };
  if (record.value === null) return { events: [], range: null, poison: ['it has no value'], blocked: null };
  if (types !== undefined && !mentionsAny(record.value, types, neverSkipped)) return { events: [], range: null, poison: [], blocked: null };
  const events: Event[] = [];
  const poison: string[] = [];
  let blocked: string | null = null;
  let firstSeq: Seq | null = null;
  let lastSeq: Seq | null = null;
  for (const [line, leaf] of record.value.toString('utf8').split('\n').entries()) {
    const parsed = parseLeaf(leaf, saleId.data, types, neverSkipped);
    if ('blocked' in parsed) blocked ??= `line ${line + 1}: ${parsed.blocked}`;
    else if ('poison' in parsed) poison.push(`line ${line + 1}: ${parsed.poison}`);
    else {
      firstSeq ??= parsed.seq;
      lastSeq = parsed.seq;
      if (parsed.event !== null) events.push(parsed.event);
    }
  }
  return { events, range: firstSeq === null || lastSeq === null ? null : { saleId: saleId.data, firstSeq, lastSeq }, poison, blocked };
}

/** Among the bytes, in whatever place: while a crowd reserves, nearly all records hold nothing for a reader of payments. */
function mentionsAny(value: Buffer, types: ReadonlySet<EventType>, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => value.includes(`"${prefix}`)) || [...types].some((type) => value.includes(`"${type}"`));
}

/**
 * The seq and type of a leaf, at a tenth of what parsing takes: a reader of payments is handed a hundred thousand
 * reservations. Held to the leaf's end, so that they are its own and not those of something inside it; canonical JSON
 * escapes every quote inside a text, so this stands in no text. What does not end so is parsed.
 */
const seqAndType = /,"seq":([1-9][0-9]{0,14}),(?:"traceparent":"[0-9a-f-]*",)?"type":"([a-z_.]+)"(?:,"user":"[0-9a-f-]*")?,"v":1\}$/;

type ParsedLeaf = { readonly seq: Seq; readonly event: Event | null } | { readonly poison: string } | { readonly blocked: string };

function parseLeaf(leaf: string, saleId: SaleId, types: ReadonlySet<EventType> | undefined, neverSkipped: readonly string[]): ParsedLeaf {
  const glance = types === undefined ? null : seqAndType.exec(leaf);
  if (glance !== null && EVENT_TYPES.has(glance[2]!) && !types!.has(glance[2] as EventType))
    return { seq: Number(glance[1]) as Seq, event: null };
  let content: unknown;
  try {
    content = JSON.parse(leaf);
  } catch {
    return { poison: 'not JSON' };
  }
  if (typeof content !== 'object' || content === null) return { poison: 'not an object' };
  const { type, seq } = content as { type?: unknown; seq?: unknown };
  const isNeverSkipped = typeof type === 'string' && neverSkipped.some((prefix) => type.startsWith(prefix));
  const unread = (why: string): ParsedLeaf => (isNeverSkipped ? { blocked: `${type}: ${why}` } : { poison: why });
  if (typeof seq !== 'number' || !Number.isSafeInteger(seq) || seq < 1) return unread('no seq');
  const isUnwanted = types !== undefined && typeof type === 'string' && !types.has(type as EventType);
  if (isUnwanted && (!isNeverSkipped || EVENT_TYPES.has(type))) return { seq: seq as Seq, event: null };
  const event = Event.safeParse(content);
  if (!event.success)
    return unread(
      event.error.issues
        .map((issue) => `${issue.path.join('.')}: ${issue.message}`)
        .join('; ')
        .slice(0, 500),
    );
  if (event.data.sale_id !== saleId) return unread('of another sale than its key');
  return { seq: event.data.seq, event: event.data };
}

/** Drops what was seen before, by sale: events are published again after a takeover. Bounded: the sale that was quiet longest is forgotten first. */
export interface SeenEvents {
  /** The events that are new; they count as seen from now on. */
  readonly fresh: (saleId: SaleId, events: readonly Event[]) => readonly Event[];
  /** Newest seq seen; 0 where none was. */
  readonly lastSeq: (saleId: SaleId) => number;
}

export function createSeenEvents(salesMax = 10_000): SeenEvents {
  const seen = new Map<SaleId, number>();
  return {
    fresh: (saleId, events) => {
      const last = seen.get(saleId) ?? 0;
      const news = events.filter((event) => event.seq > last);
      const newest = news.at(-1);
      if (newest !== undefined) {
        seen.delete(saleId);
        seen.set(saleId, newest.seq);
        if (seen.size > salesMax) seen.delete(seen.keys().next().value!);
      }
      return news;
    },
    lastSeq: (saleId) => seen.get(saleId) ?? 0,
  };
}
