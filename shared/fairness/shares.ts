/** How the units that are held or sold at the end of the log are spread over users (pseudonyms). */
export interface ShareFigures {
  /** Users of whom at least one request was decided. */
  readonly usersAsked: number;
  /** Users with at least one unit held or bought at the end. */
  readonly usersWithUnits: number;
  readonly units: number;
  /** How many users the top hundredth of `usersWithUnits` are, rounded up. */
  readonly topPercentUsers: number;
  readonly topPercentUnits: number;
  /** `topPercentUnits / units`; null without units. */
  readonly topPercentShare: number | null;
  readonly topUserUnits: number;
  /** Gini coefficient over users with units: 0 where all have the same; null without units. */
  readonly gini: number | null;
  /** The same over all who asked: near 1 where few of them could be served at all; null without units. */
  readonly giniOfAsked: number | null;
  /** Users of whom at least one request was granted in full, at once or by an offer; later loss by expiry or cancelling does not count. */
  readonly usersServedInFull: number;
  /** `usersServedInFull / usersAsked`; null where nobody asked. */
  readonly servedInFullShare: number | null;
}

/** The Lorenz curve: the share of units that the `users` (a share of users with units) with the fewest have together. */
export interface LorenzPoint {
  readonly users: number;
  readonly units: number;
}

const lorenzSteps = 100;

/** @param unitsByUser one value for each user who asked; is sorted in place */
export function shareFigures(unitsByUser: Int32Array, usersServedInFull: number): ShareFigures {
  const usersAsked = unitsByUser.length;
  const having = sortedHaving(unitsByUser);
  const usersWithUnits = having.length;
  const units = sum(having);
  const topPercentUsers = Math.ceil(usersWithUnits / 100);
  const topPercentUnits = sum(having.subarray(usersWithUnits - topPercentUsers));
  return {
    usersAsked,
    usersWithUnits,
    units,
    topPercentUsers,
    topPercentUnits,
    topPercentShare: units === 0 ? null : topPercentUnits / units,
    topUserUnits: having.at(-1) ?? 0,
    gini: gini(having, usersWithUnits),
    giniOfAsked: gini(having, usersAsked),
    usersServedInFull,
    servedInFullShare: usersAsked === 0 ? null : usersServedInFull / usersAsked,
  };
}

/** From (0, 0) to (1, 1) in at most a hundred steps; empty without units. Sorts in place too. */
export function lorenzCurve(unitsByUser: Int32Array): readonly LorenzPoint[] {
  const having = sortedHaving(unitsByUser);
  const units = sum(having);
  if (units === 0) return [];
  const points: LorenzPoint[] = [{ users: 0, units: 0 }];
  let through = 0;
  let at = 0;
  const steps = Math.min(lorenzSteps, having.length);
  for (let step = 1; step <= steps; step++) {
    for (const end = Math.round((step * having.length) / steps); at < end; at++) through += having[at]!;
    points.push({ users: at / having.length, units: through / units });
  }
  return points;
}

function sortedHaving(unitsByUser: Int32Array): Int32Array {
  unitsByUser.sort();
  let zeros = 0;
  while (zeros < unitsByUser.length && unitsByUser[zeros]! <= 0) zeros++;
  return unitsByUser.subarray(zeros);
}

/**
 * 2 sum(i x_i) / (n sum(x_i)) - (n + 1) / n with x ascending and i from 1
 * (https://en.wikipedia.org/wiki/Gini_coefficient, "Alternative expressions").
 *
 * @param having ascending, without the zeros
 * @param of n: users counted, at least as many as `having`
 */
function gini(having: Int32Array, of: number): number | null {
  const total = sum(having);
  if (total === 0) return null;
  const zeros = of - having.length;
  let weighted = 0;
  for (let index = 0; index < having.length; index++) weighted += (zeros + index + 1) * having[index]!;
  return (2 * weighted) / (of * total) - (of + 1) / of;
}

function sum(values: Int32Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
