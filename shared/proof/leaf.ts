import { hash } from 'node:crypto';
import type { RequestedItem } from '#schemas/command.ts';
import { type Counts, type DecidedEvent, Event, EVENT_VERSION, type EventType, type NotGranted } from '#schemas/event.ts';
import type { EpochMs } from '#schemas/ids.ts';
import { canonicalJson, quoted } from './canonical.ts';
import { countsJson, integer, itemsJson, notGrantedJson } from './leaf-pieces.ts';
import { createdLeaf, rejectedLeaf } from './reservation-leaf.ts';
import { utcTime } from './utc.ts';

/**
 * The leaf of an event: its canonical JSON (RFC 8785), the exact bytes that are
 * stored, hashed, published and answered from. Written by hand because it is on
 * the writer's hot path; the keys of each type come from the schema itself.
 */

type KeysOf<T> = T extends unknown ? keyof T : never;
type FieldName = KeysOf<Event>;

/**
 * How the value of a field is written. `plain`: a string whose schema leaves nothing to escape.
 * `text`: any string. The rest say it.
 */
type Writing = 'version' | 'prev' | 'plain' | 'text' | 'integer' | 'boolean' | 'time' | 'counts' | 'items' | 'not_granted' | 'terms';

const WRITINGS: Readonly<Record<FieldName, Writing>> = {
  accepted_at: 'time',
  allow_partial: 'boolean',
  amount: 'integer',
  at: 'time',
  charge_id: 'text',
  counts: 'counts',
  currency: 'text',
  delta: 'integer',
  expires_at: 'time',
  fingerprint: 'plain',
  items: 'items',
  key: 'plain',
  late: 'boolean',
  not_granted: 'not_granted',
  offset: 'integer',
  order_id: 'plain',
  prev: 'prev',
  reacquired: 'boolean',
  reason: 'plain',
  record_sha256: 'text',
  refund_id: 'text',
  request: 'plain',
  request_id: 'text',
  reservation_id: 'plain',
  reservation_status: 'plain',
  respond_async: 'boolean',
  sale_id: 'plain',
  seq: 'integer',
  sku: 'plain',
  terms: 'terms',
  traceparent: 'text',
  type: 'plain',
  user: 'plain',
  v: 'version',
};

interface Field {
  readonly name: FieldName;
  /** `"name":` */
  readonly label: string;
  readonly writing: Writing;
}

const FIELDS: ReadonlyMap<EventType, readonly Field[]> = new Map(
  Event.options.map((option) => [
    option.shape.type.value,
    (Object.keys(option.shape) as FieldName[]).sort().map((name) => ({ name, label: `"${name}":`, writing: WRITINGS[name] })),
  ]),
);

export function isEventType(type: unknown): type is EventType {
  return FIELDS.has(type as EventType);
}

/**
 * @param event as decided, times in milliseconds
 * @param prev hash of the event before (hex); 64 zeros at seq 1
 */
export function encodeLeaf(event: DecidedEvent, prev: string): string {
  if (event.type === 'reservation.created') return createdLeaf(event, prev);
  if (event.type === 'reservation.rejected') return rejectedLeaf(event, prev);
  const fields = FIELDS.get(event.type);
  if (fields === undefined) throw new Error(`no event type ${event.type}: add it to schemas/event.ts`);
  const values = event as unknown as Partial<Record<FieldName, unknown>>;
  let leaf = '';
  for (const { name, label, writing } of fields) {
    const value = values[name];
    if (value === undefined && writing !== 'prev' && writing !== 'version') continue;
    leaf += leaf === '' ? `{${label}` : `,${label}`;
    switch (writing) {
      case 'plain':
        leaf += `"${value as string}"`;
        break;
      case 'text':
        leaf += quoted(value as string);
        break;
      case 'integer':
        leaf += integer(value as number);
        break;
      case 'boolean':
        leaf += value === true ? 'true' : 'false';
        break;
      case 'time':
        leaf += `"${utcTime(value as EpochMs)}"`;
        break;
      case 'prev':
        leaf += `"${prev}"`;
        break;
      case 'version':
        leaf += String(EVENT_VERSION);
        break;
      case 'counts':
        leaf += countsJson(value as Counts);
        break;
      case 'items':
        leaf += itemsJson(value as RequestedItem[]);
        break;
      case 'not_granted':
        leaf += notGrantedJson(value as NotGranted[]);
        break;
      case 'terms':
        leaf += canonicalJson(value);
        break;
    }
  }
  return `${leaf}}`;
}

/** Throws where the leaf is no event of a version this reader takes. */
export function decodeLeaf(leaf: string): Event {
  return Event.parse(JSON.parse(leaf));
}

/** A leaf is written here behind its zero byte; longer ones (a sale's terms) get a buffer of their own. */
const SCRATCH_BYTES = 65_536;
const scratch = Buffer.alloc(SCRATCH_BYTES);
const UTF8_BYTES_A_UNIT_MAX = 3;

/** SHA-256(0x00 || leaf), hex: the leaf hash of RFC 6962. */
export function hashLeaf(leaf: string): string {
  const bytesMax = 1 + leaf.length * UTF8_BYTES_A_UNIT_MAX;
  const bytes = bytesMax <= SCRATCH_BYTES ? scratch : Buffer.alloc(bytesMax);
  // Writing it out also makes one piece of the many that `encodeLeaf` put together.
  return hash('sha256', bytes.subarray(0, 1 + bytes.write(leaf, 1)), 'hex');
}
