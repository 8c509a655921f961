import { WORDS_PER_ID } from './id-words.ts';
import type { SaleState } from './state.ts';
import { UsageTable } from './usage.ts';

/** What is wrong with the state, a sentence each; empty where all is well. Looks at everything: for tests and after a restore. */
export function checkInvariants(state: SaleState): string[] {
  if (state.terms === null) return [];
  return [...checkItems(state), ...checkDeadlines(state), ...checkWaitlist(state), ...checkOrders(state), ...checkUsage(state)];
}

function* liveSlots({ reservations }: SaleState): Generator<number> {
  for (let slot = 0; slot < reservations.slotsUsed; slot++) if (reservations.isLive(slot)) yield slot;
}

function* heldSlots(state: SaleState): Generator<number> {
  for (const slot of liveSlots(state)) if (state.reservations.status(slot) !== 'waitlisted') yield slot;
}

/** I1, and I2 as far as memory can tell: what was sold long ago is in the ledger only. */
function* checkItems(state: SaleState): Generator<string> {
  const { stock, reservations } = state;
  const held = new Float64Array(stock.size);
  for (const slot of heldSlots(state)) {
    for (let line = 0; line < reservations.lineCount(slot); line++) {
      const item = reservations.lineItem(slot, line);
      held[item] = held[item]! + reservations.lineQuantity(slot, line);
    }
  }
  for (let item = 0; item < stock.size; item++) {
    const sku = stock.sku(item);
    if (stock.held(item) < 0 || stock.sold(item) < 0 || stock.free(item) < 0) yield `I1: item ${sku} is oversold or below zero`;
    if (held[item] !== stock.held(item)) yield `I2: item ${sku} counts ${stock.held(item)} held, its reservations hold ${held[item]!}`;
  }
}

function* checkDeadlines(state: SaleState): Generator<string> {
  const { deadlines, reservations } = state;
  for (const slot of deadlines.misplaced()) yield `the deadline of slot ${slot} is out of its order`;
  let held = 0;
  for (const slot of heldSlots(state)) {
    held++;
    if (!deadlines.has(slot)) yield `reservation ${reservations.id(slot)} has no deadline`;
    if (reservations.deadline(slot) <= state.lastAt && !state.behind)
      yield `I8: reservation ${reservations.id(slot)} has outlived its deadline`;
  }
  if (held !== deadlines.size) yield `${deadlines.size} deadlines are queued for ${held} holds`;
}

function* checkWaitlist(state: SaleState): Generator<string> {
  const { waitlist, reservations } = state;
  const waiting = new Set<number>();
  for (const slot of liveSlots(state)) if (reservations.status(slot) === 'waitlisted') waiting.add(slot);
  if (waiting.size !== waitlist.waiting) yield `${waitlist.waiting} are counted in the waitlist, ${waiting.size} wait`;
  if (waiting.size > state.terms!.waitlist_limit) yield `${waiting.size} wait, the terms allow ${state.terms!.waitlist_limit}`;
  if (waiting.size > 0 && state.status === 'closed' && !state.behind) yield 'somebody waits for a sale that is closed';
  let places = 0;
  for (const item of waitlist.items()) {
    let before = 0;
    for (const slot of waitlist.queue(item)!) {
      places++;
      if (!waiting.has(slot)) yield `slot ${slot} is in the queue of ${state.stock.sku(item)} and does not wait`;
      if (reservations.decidedSeq(slot) <= before) yield `slot ${slot} stands in the queue of ${state.stock.sku(item)} out of its order`;
      before = reservations.decidedSeq(slot);
    }
  }
  let lines = 0;
  for (const slot of waiting) lines += reservations.lineCount(slot);
  if (lines !== places) yield `${places} places in queues are taken for ${lines} lines`;
}

function* checkOrders(state: SaleState): Generator<string> {
  const { reservations, orders } = state;
  const ofPending = new Set<number>();
  let pending = 0;
  for (const order of orders.values()) {
    if (order.status !== 'pending') continue;
    pending++;
    ofPending.add(reservations.find(order.reservationId));
  }
  let paying = 0;
  for (const slot of liveSlots(state)) {
    if (!reservations.isFound(slot)) yield `reservation ${reservations.id(slot)} is not found where it stands`;
    const isPaying = reservations.status(slot) === 'paying';
    if (isPaying) paying++;
    if (isPaying !== ofPending.has(slot)) yield `reservation ${reservations.id(slot)} and its order disagree on whether it is being paid`;
  }
  if (pending !== paying) yield `${pending} orders are pending for ${paying} reservations that are being paid`;
}

function* checkUsage(state: SaleState): Generator<string> {
  const { reservations, usage } = state;
  const { per_user_limit, active_holds_per_user } = state.terms!;
  const live = new UsageTable();
  for (const slot of heldSlots(state)) {
    let units = 0;
    for (let line = 0; line < reservations.lineCount(slot); line++) units += reservations.lineQuantity(slot, line);
    live.changeByWords(reservations.userWords, slot * WORDS_PER_ID, units, 1);
  }
  for (const { user, own, others: counted } of live.beside(usage)) {
    const { units, holds } = own;
    // Units bought are in the count and not in the live state; a payment that was late may have taken a user over his limit.
    if (per_user_limit !== null && counted.units < units) yield `user ${user()} holds ${units} units, fewer are counted`;
    if (per_user_limit !== null && units > per_user_limit) yield `user ${user()} holds ${units} units, the limit is ${per_user_limit}`;
    if (active_holds_per_user !== null && counted.holds !== holds) yield `user ${user()} has ${holds} holds, others are counted`;
    if (active_holds_per_user !== null && holds > active_holds_per_user) yield `user ${user()} has ${holds} holds, too many`;
  }
  for (const { user, own, others: inForce } of usage.beside(live)) {
    if (own.holds > 0 && inForce.holds === 0) yield `user ${user()} counts ${own.holds} holds and has none`;
  }
}
