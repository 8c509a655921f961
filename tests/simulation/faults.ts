import { chanceAt } from './chance.ts';

/**
 * Every place where a run can go wrong. A fault of a call may happen at each call; its
 * rate is drawn from the seed (plan.ts). What happens to whole processes and servers
 * at a time of its own is an act of the plan.
 */

/**
 * How a call goes wrong. `fails`: nothing happened and the caller is told so. `unknown`: it happened and the caller is
 * told that it failed. `late`: the caller gives up, it happens afterwards. `killed before`, `killed in flight`: the
 * caller dies; nothing happened, or it happened. `rolled back`: the caller dies between two statements, and with the
 * connection everything is undone. `half`: part of it happened. `lost`: it is said, and nobody hears it.
 */
const CALL_FAULTS = {
  'writer takeOver': ['fails', 'unknown', 'killed before', 'killed in flight'],
  'writer takeablePartitions': ['fails'],
  'writer renewLeases': ['fails', 'unknown', 'late'],
  'writer releaseLeases': ['fails', 'unknown'],
  'writer unsettledHeads': ['fails', 'killed before'],
  'writer leavesAfter': ['fails', 'killed before'],
  'writer loadSale': ['fails', 'killed before'],
  'writer prefetch': ['fails', 'killed before'],
  'writer commit': ['fails', 'unknown', 'late', 'killed before', 'rolled back', 'killed in flight'],
  'writer unpublished': ['fails', 'killed before'],
  'writer watermarks': ['fails'],
  'writer fetchOne': ['fails'],
  'writer announce': ['killed before', 'lost', 'killed after'],
  'writer publish': ['fails', 'unknown', 'late', 'half', 'killed before', 'killed in flight'],
  'api produce': ['fails', 'unknown', 'late', 'killed before', 'killed in flight'],
  'api read': ['fails', 'killed before'],
  'api allocateLine': ['fails', 'unknown'],
  'api note': ['fails', 'killed before', 'killed in flight'],
  'api answer': ['lost'],
  'payment enroll': ['fails', 'unknown', 'killed in flight'],
  'payment claim': ['fails', 'unknown', 'killed in flight'],
  'payment record': ['fails', 'unknown', 'killed before', 'killed in flight'],
  'payment produce': ['fails', 'unknown', 'late', 'killed before', 'killed in flight'],
  'payment charge': ['fails', 'unknown', 'late', 'killed before', 'killed in flight'],
  'payment refund': ['fails', 'unknown', 'late', 'killed before', 'killed in flight'],
  'payment findCharge': ['fails'],
  'payment probe': ['fails'],
  'payment events': ['redelivered'],
  'scheduler read': ['fails', 'killed before'],
  'scheduler produce': ['fails', 'unknown', 'late', 'killed in flight'],
} as const;

/** What a process asks. */
export type Server = 'ledger' | 'line' | 'redis' | 'gateway';
export type CallName = keyof typeof CALL_FAULTS;
export type How = (typeof CALL_FAULTS)[CallName][number];

/** What happens to processes, servers and clocks; `ms`: how long it lasts, or by how much a clock jumps. */
export const HAPPENINGS = {
  'a writer is killed': { ms: [0] },
  'a writer is frozen': { ms: [300, 1_500, 2_500, 6_000] },
  'a third writer starts': { ms: [0] },
  'a writer stops in order': { ms: [0] },
  "a writer's clock jumps": { ms: [-30_000, -2_000, 2_000, 30_000, 90_000] },
  "the broker's clock jumps": { ms: [-20_000, -3_000, 3_000, 20_000, 75_000] },
  "the ledger's clock jumps": { ms: [-3_000, 1_500, 5_000, 60_000] },
  'an API process is killed': { ms: [0] },
  'the payment service is killed': { ms: [0] },
  'the payment service is frozen': { ms: [1_500, 6_000, 15_000] },
  'the scheduler is killed': { ms: [0] },
  'the ledger is away': { ms: [200, 1_000, 4_000] },
  'the line is away': { ms: [200, 1_000, 4_000] },
  'redis is away': { ms: [200, 1_000, 4_000] },
  'the gateway is away': { ms: [500, 3_000, 12_000] },
  'a record stands twice': { ms: [0] },
  'bytes without meaning': { ms: [0] },
  'a tombstone': { ms: [0] },
  'a command that nobody of ours sends': { ms: [0] },
  'a charge turns up after all': { ms: [0] },
} as const;

export type Happening = keyof typeof HAPPENINGS;

export const FAULTS_OF: Readonly<Record<CallName, readonly How[]>> = CALL_FAULTS;
export const faultName = (call: CallName, how: How): string => `${call}: ${how}`;

/** Everything that must have happened in a long run. */
export const ALL_FAULTS: readonly string[] = [
  ...(Object.keys(CALL_FAULTS) as CallName[]).flatMap((call) => FAULTS_OF[call].map((how) => faultName(call, how))),
  ...Object.keys(HAPPENINGS),
];

/** One fault of one run: its name and which of the calls it was, `writer commit: late#12`. */
export type FaultId = string;

export interface FaultSource {
  /** How the next call of that name goes wrong; null: it does not. */
  readonly next: (call: CallName) => How | null;
  readonly fired: readonly FaultId[];
  /** No fault from here on. */
  readonly stop: () => void;
}

/**
 * @param rates chance of any fault, for each call
 * @param only those faults and no others: for a run that is repeated with less
 */
export function createFaultSource(seed: number, rates: Readonly<Record<CallName, number>>, only: ReadonlySet<FaultId> | null): FaultSource {
  const counts = new Map<CallName, number>();
  const fired: FaultId[] = [];
  let stopped = false;
  return {
    fired,
    stop() {
      stopped = true;
    },
    next(call) {
      const time = (counts.get(call) ?? 0) + 1;
      counts.set(call, time);
      if (stopped || chanceAt(seed, call, time) >= rates[call]) return null;
      const hows = FAULTS_OF[call];
      const how = hows[Math.floor(chanceAt(seed, `how ${call}`, time) * hows.length)]!;
      const id: FaultId = `${faultName(call, how)}#${String(time)}`;
      if (only !== null && !only.has(id)) return null;
      fired.push(id);
      return how;
    },
  };
}
