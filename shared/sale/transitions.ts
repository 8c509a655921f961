import type { EventType, RequestRefusal, ReservationStatus, SaleStatus } from '#schemas/event.ts';

/**
 * Every state against everything that can happen to it. `Record` without `Partial`:
 * a pair that nobody thought of does not compile. `bug` stands where the core itself
 * would have to be wrong; it crashes before anything is committed.
 */

/** `none`: never heard of, or another user's. */
export type ReservationState = 'none' | ReservationStatus;

export const RESERVATION_TRIGGERS = [
  'hold',
  'waitlist',
  'refuse',
  'offer',
  'turn_away',
  'cancel',
  'expire',
  'check_out',
  'confirm',
  'reacquire',
  'payment_fails_hold_goes_on',
  'payment_fails_hold_ends',
] as const;
export type ReservationTrigger = (typeof RESERVATION_TRIGGERS)[number];

/** The state it leads to, or the refusal of the request. */
export type ReservationOutcome =
  Exclude<ReservationState, 'none'> | Extract<RequestRefusal, 'reservation_not_found' | 'not_cancellable' | 'reservation_not_held'> | 'bug';

/** What no state but the ones named below allows. */
const past = {
  hold: 'bug',
  waitlist: 'bug',
  refuse: 'bug',
  offer: 'bug',
  turn_away: 'bug',
  cancel: 'not_cancellable',
  expire: 'bug',
  check_out: 'reservation_not_held',
  confirm: 'bug',
  reacquire: 'bug',
  payment_fails_hold_goes_on: 'bug',
  payment_fails_hold_ends: 'bug',
} as const satisfies Record<ReservationTrigger, ReservationOutcome>;

export const RESERVATION_TRANSITIONS: Record<ReservationState, Record<ReservationTrigger, ReservationOutcome>> = {
  none: {
    hold: 'held',
    waitlist: 'waitlisted',
    refuse: 'rejected',
    offer: 'bug',
    turn_away: 'bug',
    cancel: 'reservation_not_found',
    expire: 'bug',
    check_out: 'reservation_not_found',
    confirm: 'bug',
    // It was released so long ago that memory has let go of it; its order has not.
    reacquire: 'confirmed',
    payment_fails_hold_goes_on: 'bug',
    payment_fails_hold_ends: 'bug',
  },
  held: {
    hold: 'bug',
    waitlist: 'bug',
    refuse: 'bug',
    offer: 'bug',
    turn_away: 'bug',
    cancel: 'released',
    expire: 'released',
    check_out: 'paying',
    confirm: 'bug',
    reacquire: 'bug',
    payment_fails_hold_goes_on: 'bug',
    payment_fails_hold_ends: 'bug',
  },
  waitlisted: {
    hold: 'bug',
    waitlist: 'bug',
    refuse: 'bug',
    offer: 'held',
    turn_away: 'rejected',
    cancel: 'released',
    expire: 'bug',
    check_out: 'reservation_not_held',
    confirm: 'bug',
    reacquire: 'bug',
    payment_fails_hold_goes_on: 'bug',
    payment_fails_hold_ends: 'bug',
  },
  paying: {
    hold: 'bug',
    waitlist: 'bug',
    refuse: 'bug',
    offer: 'bug',
    turn_away: 'bug',
    cancel: 'not_cancellable',
    expire: 'bug',
    check_out: 'reservation_not_held',
    confirm: 'confirmed',
    reacquire: 'bug',
    payment_fails_hold_goes_on: 'held',
    payment_fails_hold_ends: 'released',
  },
  confirmed: past,
  released: { ...past, reacquire: 'confirmed' },
  rejected: past,
  refunding: past,
  refunded: past,
};

/** `failed_open`: the deadline passed before the gateway had its last word; `failed`: it has had it. */
export const ORDER_STATES = ['none', 'pending', 'failed_open', 'failed', 'paid', 'refunding', 'refunded'] as const;
export type OrderState = (typeof ORDER_STATES)[number];

export const ORDER_TRIGGERS = [
  'check_out',
  'payment_succeeds',
  'payment_fails',
  'deadline_passes',
  'reacquire',
  'refund',
  'refund_completes',
] as const;
export type OrderTrigger = (typeof ORDER_TRIGGERS)[number];

/** The state it leads to; `late`: which of `reacquire` and `refund` that state has, and of both the sale's policy, says which; `nothing`: it is known already or means nothing. */
export type OrderOutcome = Exclude<OrderState, 'none'> | 'late' | 'nothing' | 'bug';

const settled = {
  check_out: 'bug',
  payment_succeeds: 'nothing',
  payment_fails: 'nothing',
  deadline_passes: 'bug',
  reacquire: 'bug',
  refund: 'bug',
  refund_completes: 'nothing',
} as const satisfies Record<OrderTrigger, OrderOutcome>;

export const ORDER_TRANSITIONS: Record<OrderState, Record<OrderTrigger, OrderOutcome>> = {
  none: { ...settled, check_out: 'pending' },
  pending: {
    check_out: 'bug',
    payment_succeeds: 'paid',
    payment_fails: 'failed',
    deadline_passes: 'failed_open',
    reacquire: 'bug',
    refund: 'bug',
    refund_completes: 'nothing',
  },
  failed_open: {
    check_out: 'bug',
    payment_succeeds: 'late',
    payment_fails: 'failed',
    deadline_passes: 'bug',
    reacquire: 'paid',
    refund: 'refunding',
    refund_completes: 'nothing',
  },
  // The gateway had said no and charged all the same, or an operator was wrong. Its reservation may be anything by now,
  // another order's too, so the money goes back whatever the sale's policy is.
  failed: { ...settled, payment_succeeds: 'late', refund: 'refunding' },
  paid: settled,
  refunding: { ...settled, refund_completes: 'refunded' },
  refunded: settled,
};

export type SaleTrigger = 'sale.open' | 'sale.pause' | 'sale.resume' | 'sale.close';
export type SaleOutcome = { readonly event: Extract<EventType, `sale.${string}`>; readonly to: SaleStatus } | 'invalid_transition';

const opened = { event: 'sale.opened', to: 'open' } as const;
const paused = { event: 'sale.paused', to: 'paused' } as const;
const resumed = { event: 'sale.resumed', to: 'open' } as const;
const closed = { event: 'sale.closed', to: 'closed' } as const;

/** The status that an operator's request leads to, by the event that grants it. */
export const STATUS_AFTER: Partial<Record<EventType, SaleStatus>> = Object.fromEntries(
  [opened, paused, resumed, closed].map(({ event, to }) => [event, to]),
);

/** Asking for the state it is in is granted again and changes nothing. */
export const SALE_TRANSITIONS = {
  scheduled: { 'sale.open': opened, 'sale.pause': 'invalid_transition', 'sale.resume': 'invalid_transition', 'sale.close': closed },
  open: { 'sale.open': opened, 'sale.pause': paused, 'sale.resume': resumed, 'sale.close': closed },
  paused: { 'sale.open': 'invalid_transition', 'sale.pause': paused, 'sale.resume': resumed, 'sale.close': closed },
  closed: {
    'sale.open': 'invalid_transition',
    'sale.pause': 'invalid_transition',
    'sale.resume': 'invalid_transition',
    'sale.close': closed,
  },
} as const satisfies Record<SaleStatus, Record<SaleTrigger, SaleOutcome>>;
