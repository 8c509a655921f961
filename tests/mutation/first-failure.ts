import { TestEnvironment } from 'jest-environment-node';

/** What of jest-circus's events is looked at. */
interface TestEvent {
  readonly name: string;
  readonly test?: { mode?: string | null | undefined; readonly errors: readonly unknown[] };
}

/** Stryker says so which mutant is on trial; nothing is said while the tests are tried without any. */
const ACTIVE_MUTANT = '__STRYKER_ACTIVE_MUTANT__';

/** The mutant that was killed last. Outside the class: each file of tests gets an environment of its own. */
let killed: string | undefined;

/**
 * One failed test kills a mutant, the others need not run. Stryker's runner for jest cannot stop at the first failure;
 * this environment skips what is left, in this file and those after it.
 */
export default class UntilFirstFailure extends TestEnvironment {
  handleTestEvent({ name, test }: TestEvent): void {
    const mutant = process.env[ACTIVE_MUTANT];
    if (mutant === undefined || test === undefined) return;
    if (name === 'test_start' && killed === mutant) test.mode = 'skip';
    if (name === 'test_done' && test.errors.length > 0) killed = mutant;
  }
}
