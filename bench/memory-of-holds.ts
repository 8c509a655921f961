import { randomBytes, randomFillSync } from 'node:crypto';
import type { CreateReservation } from '#schemas/command.ts';
import type { EpochMs, Fingerprint, Offset, RequestKey, ReservationId, SaleId, Sku, UserRef } from '#schemas/ids.ts';
import type { SaleTerms } from '#schemas/terms.ts';
import { advance } from '#shared/sale/advance.ts';
import { forget } from '#shared/sale/learn.ts';
import { initialState, type SaleState, seqOf } from '#shared/sale/state.ts';

/**
 * What a live hold costs the writer in memory, and how fast the core decides.
 * Run: node --expose-gc bench/memory-of-holds.ts [holds]
 */

const holds = Number(process.argv[2] ?? 1_000_000);
const SALE = 'bench' as SaleId;
const itemsMax = 10_000;
/** The writer forgets once a batch is committed; so often here. */
const forgetEvery = 2_000;

const idBytes = randomBytes(1 << 16);
const idText = Buffer.alloc(36);
let ids = 0;

/** A new id each time, as one flat string, as a JSON parser gives it. */
function id(): string {
  if ((ids++ & 0xfff) === 0) randomFillSync(idBytes);
  const at = (ids & 0xfff) * 16;
  const hex = idBytes.toString('hex', at, at + 16);
  idText.write(`${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`, 'latin1');
  return idText.toString('latin1');
}

function termsOf(itemCount: number, limited: boolean): SaleTerms {
  return {
    name: 'bench',
    starts_at: '1970-01-01T00:00:00.000Z',
    ends_at: '2100-01-01T00:00:00.000Z',
    items: Array.from({ length: itemCount }, (_, n) => ({
      sku: `sku-${n}` as Sku,
      name: `item ${n}`,
      unit_price: 100,
      currency: 'EUR',
      quantity: 10_000_000,
    })),
    per_user_limit: limited ? 5 : null,
    active_holds_per_user: limited ? 5 : null,
    hold_seconds: 3_600,
    payment_seconds: 900,
    waitlist_limit: 0,
    late_payment: 'refund',
    on_payment_failure: 'keep_hold',
  };
}

function reserve(sku: string): CreateReservation {
  return {
    v: 1,
    sale_id: SALE,
    request_id: 'bench',
    fingerprint: '0123456789abcdef0123456789abcdef' as Fingerprint,
    accepted_at: 0 as EpochMs,
    type: 'reservation.create',
    reservation_id: id() as ReservationId,
    user: id() as UserRef,
    items: [{ sku: sku as Sku, quantity: 1 }],
    allow_partial: false,
    respond_async: false,
  };
}

function opened(terms: SaleTerms): SaleState {
  const state = initialState(SALE);
  const { fingerprint, accepted_at } = reserve('any');
  const command = {
    v: 1,
    sale_id: SALE,
    request_id: 'bench',
    fingerprint,
    accepted_at,
    type: 'sale.schedule',
    key: id() as RequestKey,
    terms,
  } as const;
  advance(state, { at: 0 as EpochMs, offset: 0 as Offset, command });
  return state;
}

function memoryInUse(): number {
  // Twice: buffers are let go of only after the objects that own them.
  globalThis.gc!();
  globalThis.gc!();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function fill(state: SaleState, itemCount: number): void {
  for (let n = 1; n <= holds; n++) {
    advance(state, { at: n as EpochMs, offset: n as Offset, command: reserve(`sku-${n % itemCount}`) });
    if (n % forgetEvery === 0) forget(state, seqOf(state));
  }
  forget(state, seqOf(state));
}

function measureMemory(limited: boolean): void {
  const state = opened(termsOf(itemsMax, limited));
  const before = memoryInUse();
  fill(state, itemsMax);
  const bytes = (memoryInUse() - before) / state.reservations.size;
  console.log(
    `${state.reservations.size} holds of distinct users, ${itemsMax} items, ${limited ? 'with' : 'without'} limits: ${bytes.toFixed(1)} bytes a hold`,
  );
}

/**
 * Decisions only: the commands of a batch are made while the clock stands still. CPU
 * time of all threads, garbage collection too, so that a busy machine does not make
 * the core look slow.
 */
function measureSpeed(what: string, limited: boolean, stock: number): void {
  const terms = termsOf(1, limited);
  const state = opened({ ...terms, items: [{ ...terms.items[0]!, quantity: stock }] });
  let cpuMicros = 0;
  let offset = 0;
  while (offset < holds) {
    const commands = Array.from({ length: forgetEvery }, () => reserve('sku-0'));
    const start = process.cpuUsage();
    for (const command of commands) advance(state, { at: ++offset as EpochMs, offset: offset as Offset, command });
    forget(state, seqOf(state));
    const { user, system } = process.cpuUsage(start);
    cpuMicros += user + system;
  }
  console.log(
    `${what}, ${limited ? 'with' : 'without'} limits: ${Math.round(offset / (cpuMicros / 1e6)).toLocaleString('en')} decisions per second of CPU`,
  );
}

if (globalThis.gc === undefined) throw new Error('run it as: node --expose-gc bench/memory-of-holds.ts');
measureMemory(false);
measureMemory(true);
measureSpeed('one item, distinct users, all held', false, 10_000_000);
measureSpeed('one item, distinct users, all held', true, 10_000_000);
measureSpeed('one item, distinct users, nearly all sold out', true, 10_000);
