import type { EpochMs } from '#schemas/ids.ts';
import type { Line } from './reservation-table.ts';
import type { SaleState } from './state.ts';

/**
 * The few ways in which units move. Each changes everything that must agree:
 * counters, deadlines, what the user has, and whom of the waitlist it concerns.
 */

/** The units of a slot's lines, which are held from now on until `deadline`. */
export function beginHold(state: SaleState, slot: number, deadline: EpochMs): void {
  moveUnits(state, slot, 1, 0);
  state.reservations.setDeadline(slot, deadline);
  state.deadlines.add(slot);
  changeUsage(state, slot, 1, 1);
}

/** The hold ends and its units are free again. */
export function endHold(state: SaleState, slot: number): void {
  moveUnits(state, slot, -1, 0);
  state.deadlines.remove(slot);
  changeUsage(state, slot, -1, -1);
}

/** The hold ends and its units are sold. */
export function sellHold(state: SaleState, slot: number): void {
  moveUnits(state, slot, -1, 1);
  state.deadlines.remove(slot);
  changeUsage(state, slot, 0, -1);
}

/** Puts a hold of the ledger back: its units are in the counters already. */
export function restoreHold(state: SaleState, slot: number, deadline: EpochMs): void {
  state.reservations.setDeadline(slot, deadline);
  state.deadlines.add(slot);
  changeUsage(state, slot, 1, 1);
}

export function extendHold(state: SaleState, slot: number, deadline: EpochMs): void {
  state.reservations.setDeadline(slot, deadline);
  state.reservations.markExtended(slot);
  state.deadlines.moved(slot);
}

/** Units that were released long ago are sold after all. */
export function sellFreeUnits(state: SaleState, lines: readonly Line[]): void {
  for (const { item, quantity } of lines) state.stock.move(item, 0, 0, quantity);
}

function moveUnits(state: SaleState, slot: number, heldPerUnit: -1 | 1, soldPerUnit: 0 | 1): void {
  const { reservations, stock, waitlist } = state;
  for (let line = 0; line < reservations.lineCount(slot); line++) {
    const item = reservations.lineItem(slot, line);
    const quantity = reservations.lineQuantity(slot, line);
    stock.move(item, 0, heldPerUnit * quantity, soldPerUnit * quantity);
    if (heldPerUnit + soldPerUnit < 0) waitlist.stockChanged(item);
  }
}

/** Units count only where the sale limits units, holds only where it limits holds. */
function changeUsage(state: SaleState, slot: number, unitsPerUnit: -1 | 0 | 1, holdsDelta: -1 | 1): void {
  const { per_user_limit, active_holds_per_user } = state.terms!;
  if (per_user_limit === null && active_holds_per_user === null) return;
  const { reservations } = state;
  let units = 0;
  if (per_user_limit !== null && unitsPerUnit !== 0) {
    for (let line = 0; line < reservations.lineCount(slot); line++) units += unitsPerUnit * reservations.lineQuantity(slot, line);
  }
  state.usage.change(reservations.user(slot), units, active_holds_per_user === null ? 0 : holdsDelta);
}
