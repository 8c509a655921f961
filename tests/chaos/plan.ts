/** What a round does, as a pure function of its seed: the same seed is the same round, as far as processes and networks allow. */

export interface Plan {
  readonly seed: number;
  readonly fault: string;
  readonly load: Load;
  /** For the fault's own choices. */
  readonly random: Random;
}

/** One sale and who comes to it. Shares are of the buyers, or of those they apply to. */
export interface Load {
  readonly units: number;
  readonly buyers: number;
  readonly atOnce: number;
  /** Buyers arrive over this time, evenly. */
  readonly arriveMs: number;
  readonly holdSeconds: number;
  readonly paymentSeconds: number;
  readonly waitlist: number;
  readonly perUserLimit: number;
  readonly latePayment: 'refund' | 'reacquire';
  readonly onPaymentFailure: 'keep_hold' | 'release';
  /** When the fault comes: so many of the buyers have their answer. */
  readonly faultAtShare: number;
  readonly shares: Shares;
}

interface Shares {
  /** Of those who hold. */
  readonly checkout: number;
  readonly declined: number;
  readonly timeoutOnce: number;
  readonly cancel: number;
  readonly repeated: number;
  readonly otherBody: number;
  readonly twiceAtOnce: number;
  readonly async: number;
  readonly severalUnits: number;
}

export interface Random {
  /** From 0 to 1. */
  share(): number;
  /** Both ends included. */
  between(low: number, high: number): number;
  chance(share: number): boolean;
  pick<T>(from: readonly [T, ...T[]]): T;
}

export function randomOf(seed: number): Random {
  // Mulberry32: small, and good enough to choose by.
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0;
  const share = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (low: number, high: number): number => low + Math.floor(share() * (high - low + 1));
  return { share, between, chance: (of) => share() < of, pick: (from) => from[between(0, from.length - 1)]! };
}

/** Seeds count from 1; as many in a row as there are faults have each of them once. */
export function faultOf(seed: number, faults: readonly string[]): string {
  return faults[(seed - 1) % faults.length]!;
}

export function planOf(seed: number, faults: readonly string[]): Plan {
  const random = randomOf(seed);
  const buyers = random.between(200, 1_000);
  const load: Load = {
    buyers,
    units: Math.ceil(buyers * (0.3 + random.share() * 0.6)),
    atOnce: random.between(16, 64),
    arriveMs: random.between(2_500, 4_500),
    holdSeconds: random.pick([3, 6, 20, 30]),
    paymentSeconds: random.pick([2, 10, 20]),
    waitlist: random.pick([0, 0, 20, 100]),
    perUserLimit: random.between(2, 4),
    latePayment: random.pick(['refund', 'reacquire']),
    onPaymentFailure: random.pick(['keep_hold', 'release']),
    faultAtShare: 0.1 + random.share() * 0.4,
    shares: {
      checkout: random.share() * 0.4,
      declined: random.share() * 0.2,
      timeoutOnce: random.share() * 0.05,
      cancel: random.share() * 0.2,
      repeated: random.share() * 0.3,
      otherBody: random.share() * 0.1,
      twiceAtOnce: random.share() * 0.1,
      async: random.share() * 0.3,
      severalUnits: random.share() * 0.3,
    },
  };
  return { seed, fault: faultOf(seed, faults), load, random };
}
