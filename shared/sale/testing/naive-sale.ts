import type { Command, RequestedItem } from '#schemas/command.ts';
import type { SaleTerms } from '#schemas/terms.ts';
import { nameOf } from './commands.ts';

interface Reservation {
  id: string;
  user: string;
  status: 'held' | 'waitlisted' | 'paying' | 'confirmed' | 'released' | 'rejected';
  items: RequestedItem[];
  partial: boolean;
  deadline: number;
  extended: boolean;
  decidedSeq: number;
}

interface Order {
  id: string;
  reservation: Reservation;
  status: 'pending' | 'failed' | 'failed for good' | 'paid' | 'refunding' | 'refunded';
  amount: number;
}

export type Told = readonly string[] | { readonly repeated: number };

const sum = (items: readonly RequestedItem[]) => items.reduce((units, { quantity }) => units + quantity, 0);

/**
 * The rules of a sale once more, written down as naively as possible: plain arrays,
 * everything counted afresh each time it is asked for. Tells what happens as
 * `shown` does. For tests: the core must tell the same.
 */
export class NaiveSale {
  readonly #terms: SaleTerms;
  readonly #followUpsMax: number;
  #followUps = 0;
  readonly #totals: Map<string, number>;
  readonly #reservations: Reservation[] = [];
  readonly #orders: Order[] = [];
  readonly #answers = new Map<string, { fingerprint: string; seq: number }>();
  #status: 'scheduled' | 'open' | 'paused' | 'closed';
  #seq: number;
  #told: string[] = [];

  /**
   * A sale that was scheduled, and, where its start had passed, opened by itself. So many ends of holds, offers and
   * turnings away follow from one command. `scheduling`: what scheduled it, so that it is answered when it comes again.
   */
  constructor(
    terms: SaleTerms,
    followUpsMax = Infinity,
    status: 'scheduled' | 'open' = 'open',
    scheduling?: Extract<Command, { type: 'sale.schedule' }>,
  ) {
    this.#terms = terms;
    this.#status = status;
    this.#seq = status === 'open' ? 2 : 1;
    if (scheduling !== undefined) this.#answers.set(scheduling.key, { fingerprint: scheduling.fingerprint, seq: 1 });
    this.#followUpsMax = followUpsMax;
    this.#totals = new Map(terms.items.map(({ sku, quantity }) => [sku, quantity]));
  }

  take(at: number, command: Command): Told {
    this.#passTime(at);
    const meant = this.#reservationOf(command);
    if (meant !== undefined && this.#overdue(at).includes(meant)) this.#end(meant);
    const repeated = this.#decideOnce(at, command);
    this.#serve(at);
    return repeated !== null && this.#told.length === 0 ? { repeated } : this.#told;
  }

  /** Bytes that are no command of this line. */
  takeMalformed(at: number, sha256: string): Told {
    this.#passTime(at);
    this.#tell(`reservation.rejected record ${sha256} malformed`);
    this.#serve(at);
    return this.#told;
  }

  /** Whatever fell due by now. */
  #passTime(at: number): void {
    this.#told = [];
    this.#followUps = this.#followUpsMax;
    this.#serve(at);
    while (this.#followUps > 0) {
      const [due] = this.#overdue(at);
      if (due === undefined) break;
      this.#followUps -= 1;
      this.#end(due);
      this.#serve(at);
    }
  }

  /** Closed, and nothing can change any more. */
  isSettled(): boolean {
    return (
      this.#status === 'closed' &&
      !this.#reservations.some(({ status }) => ['held', 'waitlisted', 'paying'].includes(status)) &&
      !this.#orders.some(({ status }) => ['pending', 'failed', 'refunding'].includes(status))
    );
  }

  /** What the command wants to use. */
  #reservationOf(command: Command): Reservation | undefined {
    if (command.type === 'reservation.cancel' || command.type === 'checkout.request')
      return this.#reservations.find(({ id }) => id === command.reservation_id);
    if ('order_id' in command) return this.#orders.find(({ id, status }) => id === command.order_id && status === 'pending')?.reservation;
    return undefined;
  }

  #overdue(at: number): Reservation[] {
    return this.#reservations
      .filter(({ status, deadline }) => (status === 'held' || status === 'paying') && deadline <= at)
      .sort((a, b) => a.deadline - b.deadline || a.decidedSeq - b.decidedSeq);
  }

  /** The seq that answered it earlier; null where none did. */
  #decideOnce(at: number, command: Command): number | null {
    if (command.type === 'tick') return null;
    if ('fingerprint' in command) {
      const key =
        command.type === 'reservation.create'
          ? command.reservation_id
          : command.type === 'checkout.request'
            ? command.order_id
            : command.key;
      const earlier = this.#answers.get(key);
      if (earlier?.fingerprint === command.fingerprint) return earlier.seq;
      if (earlier !== undefined) {
        this.#refuse(command, key, 'idempotency_conflict');
        return null;
      }
      this.#answers.set(key, { fingerprint: command.fingerprint, seq: this.#seq + 1 });
    }
    this.#decide(at, command);
    return null;
  }

  #decide(at: number, command: Exclude<Command, { type: 'tick' }>): void {
    const order = 'order_id' in command ? this.#orders.find(({ id }) => id === command.order_id) : undefined;
    switch (command.type) {
      case 'reservation.create':
        return this.#reserve(at, command);
      case 'reservation.cancel': {
        const reservation = this.#reservations.find(({ id, user }) => id === command.reservation_id && user === command.user);
        if (!reservation) return this.#refuse(command, command.key, 'reservation_not_found');
        const { status } = reservation;
        if (status !== 'held' && status !== 'waitlisted') return this.#refuse(command, command.key, 'not_cancellable', status);
        reservation.status = 'released';
        const counts = status === 'held' ? this.#counts(reservation.items) : '{}';
        return this.#tell(`reservation.cancelled ${nameOf(reservation.id)} by ${nameOf(command.key)} ${counts}`);
      }
      case 'checkout.request': {
        const reservation = this.#reservations.find(({ id, user }) => id === command.reservation_id && user === command.user);
        if (!reservation) return this.#refuse(command, command.order_id, 'reservation_not_found');
        if (reservation.status !== 'held') return this.#refuse(command, command.order_id, 'reservation_not_held', reservation.status);
        if (!reservation.extended) reservation.deadline = Math.max(reservation.deadline, at + this.#terms.payment_seconds * 1000);
        Object.assign(reservation, { status: 'paying', extended: true });
        const amount = reservation.items.reduce((total, { sku, quantity }) => total + quantity * this.#price(sku), 0);
        this.#orders.push({ id: command.order_id, reservation, status: 'pending', amount });
        return this.#tell(
          `checkout.requested ${nameOf(command.order_id)} ${nameOf(reservation.id)} ${amount} EUR until ${reservation.deadline}`,
        );
      }
      case 'payment.succeeded': {
        if (order?.status !== 'pending' && order?.status !== 'failed' && order?.status !== 'failed for good') return;
        const late = order.status !== 'pending';
        const { reservation } = order;
        const refs = `${nameOf(order.id)} ${nameOf(reservation.id)}`;
        this.#tell(`payment.succeeded ${refs}${late ? ' late' : ''}`);
        const free = reservation.items.every(({ sku, quantity }) => quantity <= this.#free(sku));
        if (late && (this.#terms.late_payment === 'refund' || !free || order.status === 'failed for good')) {
          order.status = 'refunding';
          return this.#tell(`refund.requested ${refs} ${order.amount} EUR`);
        }
        order.status = 'paid';
        reservation.status = 'confirmed';
        return this.#tell(`order.confirmed ${refs}${late ? ' reacquired' : ''} ${this.#counts(reservation.items)}`);
      }
      case 'payment.failed': {
        if (order?.status !== 'pending' && order?.status !== 'failed') return;
        const { reservation } = order;
        const refs = `${nameOf(order.id)} ${nameOf(reservation.id)}`;
        const late = order.status === 'failed';
        order.status = 'failed for good';
        this.#tell(`payment.failed ${refs}${late ? ' late' : ''} ${command.reason}`);
        if (late) return;
        const kept = this.#terms.on_payment_failure === 'keep_hold';
        reservation.status = kept ? 'held' : 'released';
        this.#tell(`order.failed ${refs} ${command.reason} ${reservation.status}`);
        if (!kept) this.#tell(`reservation.released ${nameOf(reservation.id)} payment_failed ${this.#counts(reservation.items)}`);
        return;
      }
      case 'refund.completed':
        if (order?.status !== 'refunding') return;
        order.status = 'refunded';
        return this.#tell(`refund.completed ${nameOf(order.id)} ${nameOf(order.reservation.id)}`);
      case 'stock.change': {
        const total = this.#totals.get(command.sku);
        if (total === undefined) return this.#refuse(command, command.key, 'unknown_item');
        if (this.#free(command.sku) + command.delta < 0) return this.#refuse(command, command.key, 'stock_below_committed');
        this.#totals.set(command.sku, total + command.delta);
        return this.#tell(`stock.changed by ${nameOf(command.key)} ${this.#counts([{ sku: command.sku, quantity: 1 }])}`);
      }
      case 'sale.schedule':
        return this.#refuse(command, command.key, 'invalid_transition');
      default:
        return this.#operate(command);
    }
  }

  #operate(command: Extract<Command, { type: 'sale.open' | 'sale.pause' | 'sale.resume' | 'sale.close' }>): void {
    const by = `by ${nameOf(command.key)}`;
    if (command.type === 'sale.close') {
      this.#status = 'closed';
      this.#tell(`sale.closed ${by}`);
    } else if (
      this.#status === 'closed' ||
      (command.type === 'sale.open' && this.#status === 'paused') ||
      (command.type !== 'sale.open' && this.#status === 'scheduled')
    ) {
      this.#refuse(command, command.key, 'invalid_transition');
    } else {
      this.#status = command.type === 'sale.pause' ? 'paused' : 'open';
      this.#tell(`${{ 'sale.open': 'sale.opened', 'sale.pause': 'sale.paused', 'sale.resume': 'sale.resumed' }[command.type]} ${by}`);
    }
  }

  #reserve(at: number, command: Extract<Command, { type: 'reservation.create' }>): void {
    const { items, allow_partial: partial, reservation_id: id, user } = command;
    const refusal = this.#refusal(command);
    const reservation: Reservation = {
      id,
      user,
      status: 'rejected',
      items,
      partial,
      deadline: 0,
      extended: false,
      decidedSeq: this.#seq + 1,
    };
    const available = (sku: string) => {
      const waiters = this.#waiters();
      const blocked = waiters.some((waiter) => this.#need(waiter, sku) > this.#free(sku));
      const promised = waiters.some((waiter, place) => this.#need(waiter, sku) > 0 && this.#isTurnOf(waiter, waiters.slice(0, place)));
      return blocked || promised ? 0 : this.#free(sku);
    };
    const granted = refusal === null ? this.#grant(items, partial, available, this.#left(user)) : [];
    this.#reservations.push(reservation);
    if (refusal !== null) return this.#tell(`reservation.rejected ${nameOf(id)} ${refusal}`);
    if (granted.length > 0) {
      Object.assign(reservation, { status: 'held', items: granted, deadline: at + this.#terms.hold_seconds * 1000 });
      const missing = this.#missing(items, granted, available, this.#left(user) + sum(granted));
      return this.#tell(this.#held('created', reservation, missing));
    }
    const mayEverBe = partial || items.every(({ sku, quantity }) => quantity <= this.#totals.get(sku)!);
    if (this.#waiters().length < this.#terms.waitlist_limit && mayEverBe) {
      reservation.status = 'waitlisted';
      return this.#tell(`reservation.waitlisted ${nameOf(id)} ${this.#shownItems(items)}`);
    }
    const soldOut = items.some(({ sku }) => available(sku) === 0);
    this.#tell(`reservation.rejected ${nameOf(id)} ${soldOut ? 'sold_out' : 'insufficient_stock'}`);
  }

  #refusal({ items, user, allow_partial }: Extract<Command, { type: 'reservation.create' }>): string | null {
    if (new Set(items.map(({ sku }) => sku)).size !== items.length) return 'malformed';
    if (this.#status !== 'open') return `sale_${this.#status === 'scheduled' ? 'not_open' : this.#status}`;
    if (items.some(({ sku }) => !this.#totals.has(sku))) return 'unknown_item';
    if (this.#hasHoldsEnough(user)) return 'active_hold_exists';
    return this.#left(user) < (allow_partial ? 1 : sum(items)) ? 'per_user_limit' : null;
  }

  #serve(at: number): void {
    while (this.#followUps > 0 && (this.#status === 'closed' ? this.#turnAway() : this.#offer(at))) this.#followUps -= 1;
  }

  #turnAway(): boolean {
    const [waiter] = this.#waiters();
    if (waiter === undefined) return false;
    waiter.status = 'rejected';
    this.#tell(`reservation.rejected ${nameOf(waiter.id)} sale_closed`);
    return true;
  }

  #isTurnOf(waiter: Reservation, before: readonly Reservation[]): boolean {
    const spokenFor = (sku: string) => before.some((each) => this.#need(each, sku) > this.#free(sku));
    const impossible = ({ sku, quantity }: RequestedItem) => !waiter.partial && quantity > this.#totals.get(sku)! && !spokenFor(sku);
    const there = ({ sku }: RequestedItem) => this.#need(waiter, sku) <= this.#free(sku) && !spokenFor(sku);
    return waiter.items.some(impossible) || (waiter.partial ? waiter.items.some(there) : waiter.items.every(there));
  }

  #offer(at: number): boolean {
    const waiters = this.#waiters();
    const turn = waiters.find((waiter, place) => this.#isTurnOf(waiter, waiters.slice(0, place)));
    if (turn === undefined) return false;
    const before = waiters.slice(0, waiters.indexOf(turn));
    const available = (sku: string) => (before.some((each) => this.#need(each, sku) > this.#free(sku)) ? 0 : this.#free(sku));
    const refusal = this.#hasHoldsEnough(turn.user)
      ? 'active_hold_exists'
      : this.#left(turn.user) < (turn.partial ? 1 : sum(turn.items))
        ? 'per_user_limit'
        : null;
    const asked = turn.items;
    const granted = this.#grant(asked, turn.partial, available, this.#left(turn.user));
    if (refusal !== null || granted.length === 0) {
      turn.status = 'rejected';
      this.#tell(`reservation.rejected ${nameOf(turn.id)} ${refusal ?? 'insufficient_stock'}`);
    } else {
      const missing = this.#missing(asked, granted, available, this.#left(turn.user));
      Object.assign(turn, { status: 'held', items: granted, deadline: at + this.#terms.hold_seconds * 1000 });
      this.#tell(this.#held('offered', turn, missing));
    }
    return true;
  }

  #end(reservation: Reservation): void {
    const paying = reservation.status === 'paying';
    reservation.status = 'released';
    const name = nameOf(reservation.id);
    if (!paying) return this.#tell(`reservation.expired ${name} ${this.#counts(reservation.items)}`);
    const order = this.#orders.find(({ status, reservation: { id } }) => status === 'pending' && id === reservation.id)!;
    order.status = 'failed';
    this.#tell(`order.failed ${nameOf(order.id)} ${name} deadline released`);
    this.#tell(`reservation.released ${name} payment_failed ${this.#counts(reservation.items)}`);
  }

  #grant(items: readonly RequestedItem[], partial: boolean, available: (sku: string) => number, left: number): RequestedItem[] {
    let rest = left;
    const granted = items.map(({ sku, quantity }) => {
      const units = Math.min(quantity, available(sku), rest);
      rest -= units;
      return { sku, quantity: units };
    });
    if (!partial && sum(granted) < sum(items)) return [];
    return granted.filter(({ quantity }) => quantity > 0);
  }

  /** `available` and `left` as before the grant or after it: `left` is given as before, the counters are as they stand. */
  #missing(asked: readonly RequestedItem[], granted: readonly RequestedItem[], available: (sku: string) => number, left: number): string {
    let rest = left;
    return asked
      .map(({ sku, quantity }) => {
        const units = granted.find((line) => line.sku === sku)?.quantity ?? 0;
        const short = quantity - units;
        const soldOut = units === 0 && available(sku) === 0;
        const limited = units === rest;
        rest -= units;
        return short === 0 ? '' : ` not ${sku}:${short} ${soldOut ? 'sold_out' : limited ? 'per_user_limit' : 'insufficient_stock'}`;
      })
      .join('');
  }

  #price(sku: string): number {
    return this.#terms.items.find((item) => item.sku === sku)!.unit_price;
  }

  #waiters(): Reservation[] {
    return this.#reservations.filter(({ status }) => status === 'waitlisted').sort((a, b) => a.decidedSeq - b.decidedSeq);
  }

  /** What must be free of the item before it is of use to the waiter; 0 where he does not ask for it. */
  #need({ items, partial }: Reservation, sku: string): number {
    const quantity = items.find((line) => line.sku === sku)?.quantity ?? 0;
    return partial ? Math.min(1, quantity) : quantity;
  }

  #units(sku: string, ...statuses: readonly string[]): number {
    const lines = this.#reservations.filter(({ status }) => statuses.includes(status)).flatMap(({ items }) => items);
    return sum(lines.filter((line) => line.sku === sku));
  }

  #free(sku: string): number {
    return this.#totals.get(sku)! - this.#units(sku, 'held', 'paying', 'confirmed');
  }

  #left(user: string): number {
    const { per_user_limit: limit } = this.#terms;
    if (limit === null) return Infinity;
    const mine = this.#reservations.filter((each) => each.user === user && ['held', 'paying', 'confirmed'].includes(each.status));
    return Math.max(0, limit - sum(mine.flatMap(({ items }) => items)));
  }

  #hasHoldsEnough(user: string): boolean {
    const { active_holds_per_user: limit } = this.#terms;
    const mine = this.#reservations.filter((each) => each.user === user && ['held', 'paying'].includes(each.status));
    return limit !== null && mine.length >= limit;
  }

  #counts(items: readonly RequestedItem[]): string {
    const lines = items.map(
      ({ sku }) => `${sku} ${this.#totals.get(sku)!}/${this.#units(sku, 'held', 'paying')}/${this.#units(sku, 'confirmed')}`,
    );
    return `{${lines.sort().join(', ')}}`;
  }

  #held(what: string, { id, items, deadline }: Reservation, missing: string): string {
    return `reservation.${what} ${nameOf(id)} ${this.#shownItems(items)}${missing} until ${deadline} ${this.#counts(items)}`;
  }

  #shownItems(items: readonly RequestedItem[]): string {
    return items.map(({ sku, quantity }) => `${sku}:${quantity}`).join(' ');
  }

  #refuse(command: Command, key: string, reason: string, status?: string): void {
    const about = 'reservation_id' in command ? ` ${nameOf(command.reservation_id)}` : '';
    if (command.type === 'reservation.create') return this.#tell(`reservation.rejected${about} ${reason}`);
    this.#tell(`request.rejected ${command.type}${about} by ${nameOf(key)} ${reason}${status === undefined ? '' : ` ${status}`}`);
  }

  #tell(what: string): void {
    this.#seq++;
    this.#told.push(what);
  }
}
