/** Figures of jest's `--json` report that the last lines of `make test` show. */
export interface JestTotals {
  readonly numTotalTestSuites: number;
  readonly numPassedTestSuites: number;
  readonly numFailedTestSuites: number;
  /** Suites that could not even be loaded; jest counts them among the failed ones. */
  readonly numRuntimeErrorTestSuites: number;
  readonly numTotalTests: number;
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
}

const NONE: JestTotals = {
  numTotalTestSuites: 0,
  numPassedTestSuites: 0,
  numFailedTestSuites: 0,
  numRuntimeErrorTestSuites: 0,
  numTotalTests: 0,
  numPassedTests: 0,
  numFailedTests: 0,
  numPendingTests: 0,
};

export function addedUp(runs: readonly JestTotals[]): JestTotals {
  const names = Object.keys(NONE) as (keyof JestTotals)[];
  return runs.reduce((sum, run) => Object.fromEntries(names.map((name) => [name, sum[name] + run[name]])) as unknown as JestTotals, NONE);
}

/** As jest closes a run, then once more on one line that a program can read. */
export function closingLines(totals: JestTotals, seconds: number): string[] {
  const row = (failed: number, skipped: number, passed: number, total: number): string =>
    [failed > 0 ? `${failed} failed` : '', skipped > 0 ? `${skipped} skipped` : '', `${passed} passed`, `${total} total`]
      .filter((part) => part !== '')
      .join(', ');
  const { numFailedTests: failed, numPendingTests: skipped, numPassedTests: passed } = totals;
  return [
    `Test Suites: ${row(totals.numFailedTestSuites, 0, totals.numPassedTestSuites, totals.numTotalTestSuites)}`,
    `Tests:       ${row(failed, skipped, passed, totals.numTotalTests)}`,
    `Time:        ${seconds.toFixed(1)} s`,
    // A suite that could not be loaded has no tests to count, and is a failure all the same.
    `${passed} passed, ${failed + totals.numRuntimeErrorTestSuites} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`,
  ];
}
