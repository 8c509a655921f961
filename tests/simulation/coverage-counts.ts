/** How often each thing was reached that a long run must reach: places of faults, pairs of the tables, refusals. */
export type Coverage = Map<string, number>;

export function addCoverage(to: Coverage, more: Iterable<readonly [string, number]>): void {
  for (const [what, times] of more) to.set(what, (to.get(what) ?? 0) + times);
}
