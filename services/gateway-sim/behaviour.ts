/**
 * How the simulated gateway treats a charge, by the token of its payment method.
 * The one table that a tester has to know.
 */
export interface Behaviour {
  /** `declined`: the answer is 402 card_declined. `nothing`: neither captured nor declined, ever. */
  readonly decides: 'captured' | 'declined' | 'nothing';
  /** `first`: the call that decides gets no answer, a repetition does. `always`: no call does. */
  readonly silent: 'never' | 'first' | 'always';
  /** Calls answered 500 before one is decided. */
  readonly failuresFirst: number;
  readonly answerAfterMs: number;
}

const plain: Behaviour = { decides: 'captured', silent: 'never', failuresFirst: 0, answerAfterMs: 0 };

const BEHAVIOURS: Readonly<Record<string, Behaviour>> = {
  pm_ok: plain,
  pm_declined: { ...plain, decides: 'declined' },
  pm_timeout_once: { ...plain, silent: 'first' },
  pm_timeout: { ...plain, decides: 'nothing', silent: 'always' },
  pm_slow: { ...plain, answerAfterMs: 3_000 },
  pm_error: { ...plain, failuresFirst: 2 },
};

/** A payment method nobody knows is declined. */
export function behaviourOf(paymentMethodId: string): Behaviour {
  return (Object.hasOwn(BEHAVIOURS, paymentMethodId) ? BEHAVIOURS[paymentMethodId] : undefined) ?? { ...plain, decides: 'declined' };
}
