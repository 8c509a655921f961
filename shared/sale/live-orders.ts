import type { OrderId, ReservationId, UserRef } from '#schemas/ids.ts';
import { assert } from '#shared/faults/assert.ts';
import type { Line } from './reservation-table.ts';

/** `failed` here: the deadline has passed and the gateway has not had its last word. */
export type LiveOrderStatus = 'pending' | 'failed' | 'refunding';

export interface LiveOrderRecord {
  readonly id: OrderId;
  readonly reservationId: ReservationId;
  readonly user: UserRef;
  readonly lines: readonly Line[];
  readonly amount: number;
  readonly currency: string;
  status: LiveOrderStatus;
}

/** Orders whose payment can still change, by id, and those pending by their reservation. */
export class LiveOrders {
  readonly #orders = new Map<OrderId, LiveOrderRecord>();
  readonly #pending = new Map<ReservationId, LiveOrderRecord>();

  get size(): number {
    return this.#orders.size;
  }

  get(id: OrderId): LiveOrderRecord | undefined {
    return this.#orders.get(id);
  }

  pendingOf(reservationId: ReservationId): LiveOrderRecord | undefined {
    return this.#pending.get(reservationId);
  }

  add(order: LiveOrderRecord): void {
    assert(!this.#orders.has(order.id), `order ${order.id} lives already`);
    this.#orders.set(order.id, order);
    if (order.status === 'pending') {
      assert(!this.#pending.has(order.reservationId), `reservation ${order.reservationId} has a pending order already`);
      this.#pending.set(order.reservationId, order);
    }
  }

  /** A pending order goes on without its reservation. */
  setStatus(order: LiveOrderRecord, status: Exclude<LiveOrderStatus, 'pending'>): void {
    this.#noLongerPending(order);
    order.status = status;
  }

  remove(order: LiveOrderRecord): void {
    this.#noLongerPending(order);
    this.#orders.delete(order.id);
  }

  values(): IterableIterator<LiveOrderRecord> {
    return this.#orders.values();
  }

  #noLongerPending(order: LiveOrderRecord): void {
    if (order.status === 'pending') this.#pending.delete(order.reservationId);
  }
}
