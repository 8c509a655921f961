/** One buyer of the crowd: what they did, and everything they were told. */

export type BuyerStage =
  /** Not arrived, or no answer yet. */
  | 'asking'
  /** Holds a unit and has not paid. */
  | 'holding'
  | 'waiting'
  | 'paying'
  /** Nothing more will happen, as far as the buyer knows. */
  | 'done';

export interface Buyer {
  readonly index: number;
  stage: BuyerStage;
  /** When the request was due, on performance.now()'s clock. */
  dueAt: number;
  attempts: number;
  /** First answer that decided the request: `held`, `waitlisted`, or the code of the refusal. Null: none came. */
  answer: string | null;
  /** As told; null where the answer named none. */
  reservationId: string | null;
  /** Offered from the waitlist. */
  offered: boolean;
  /** Lets the hold expire. */
  abandons: boolean;
  orderId: string | null;
  /** Newest status of the order the buyer was told: `pending`, `paid`, `failed`. */
  orderStatus: string | null;
  /** Code of the refusal of the order. */
  orderRefusal: string | null;
}

export function newBuyer(index: number): Buyer {
  return {
    index,
    stage: 'asking',
    dueAt: 0,
    attempts: 0,
    answer: null,
    reservationId: null,
    offered: false,
    abandons: false,
    orderId: null,
    orderStatus: null,
    orderRefusal: null,
  };
}

/** Who the buyers are: the same names on both sides of the reconciliation. */
export interface CrowdNames {
  userId(index: number): string;
  reservationKey(index: number): string;
  orderKey(index: number): string;
}

/** `run` keeps the buyers of one run apart from those of another. */
export function crowdNames(run: string): CrowdNames {
  return {
    userId: (index) => `${run}-buyer-${index}`,
    reservationKey: (index) => `${run}-r-${index}`,
    orderKey: (index) => `${run}-o-${index}`,
  };
}

/** Of a hundred payers: how many pay with which of the simulated gateway's methods. */
const METHODS = [
  ['pm_declined', 3],
  ['pm_timeout_once', 1],
  ['pm_slow', 2],
  ['pm_error', 1],
] as const;

/** The `nth` payer's method: the mix is the same in every run. */
export function paymentMethod(nth: number): string {
  // 37 has no divisor in common with 100, so that the rare ones are spread over the sale.
  let rest = (nth * 37) % 100;
  for (const [method, share] of METHODS) {
    if (rest < share) return method;
    rest -= share;
  }
  return 'pm_ok';
}
