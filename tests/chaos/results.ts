import type { RoundResult } from './round.ts';

/** What a run found, as tables. */

export const RESULTS_FILE = '.local/chaos-results.json';

export interface Results {
  readonly commit: string;
  readonly command: string;
  readonly date: string;
  readonly rounds: readonly RoundResult[];
  /** Rounds that broke off: nothing is known of them. */
  readonly failures: readonly string[];
  /** What this machine does not allow. */
  readonly skipped: readonly string[];
}

export function summaryOf({ rounds }: Results): string[][] {
  const byFault = Map.groupBy(rounds, ({ fault }) => fault);
  const sum = (of: readonly RoundResult[], value: (one: RoundResult) => number): string =>
    of.reduce((total, one) => total + value(one), 0).toLocaleString('en');
  return [
    ['FAULT', 'ROUNDS', 'REQUESTS', 'EVENTS', 'VIOLATIONS', 'SECONDS A ROUND', 'SEEN LAST'],
    ...[...byFault].map(([fault, of]) => [
      fault,
      String(of.length),
      sum(of, ({ requests }) => requests),
      sum(of, ({ events }) => events),
      sum(of, ({ violations }) => violations.length),
      (of.reduce((total, { seconds }) => total + seconds, 0) / of.length).toFixed(1),
      of.at(-1)!.seen,
    ]),
  ];
}
