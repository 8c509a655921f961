import { TestEnvironment } from 'jest-environment-node';

/** What of jest-circus's events is looked at. */
interface TestEvent {
  readonly name: string;
  readonly test?: { mode?: string | null | undefined; readonly errors: readonly unknown[] };
}

/** The mutant that was killed last. Outside the class: each file of tests gets an environment of its own. */
let killed: string | undefined;

/** Stryker says so which mutant is on trial; it says nothing while the tests are tried without any. */
function onTrial(): string | undefined {
  return process.env['__STRYKER_ACTIVE_MUTANT__'];
}

/** Whether the mutant on trial has failed a test already. */
export function isKilled(): boolean {
  return killed !== undefined && killed === onTrial();
}

/**
 * One failed test kills a mutant, the others need not run. Stryker's runner for jest cannot stop at the first failure;
 * this environment skips what is left of a file, and `jest-circus-until-killed.ts` the files after it.
 */
export default class FirstFailure extends TestEnvironment {
  handleTestEvent({ name, test }: TestEvent): void {
    if (test === undefined) return;
    if (name === 'test_start' && isKilled()) test.mode = 'skip';
    if (name === 'test_done' && test.errors.length > 0) killed = onTrial();
  }
}
