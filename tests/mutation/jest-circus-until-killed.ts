import { createRequire } from 'node:module';
import { isKilled } from './first-failure.ts';

type Runner = (
  globalConfig: unknown,
  config: unknown,
  environment: unknown,
  runtime: unknown,
  testPath: string,
  ...rest: unknown[]
) => Promise<object>;

/** It comes without types, and as another thing by `import` than by `require`. */
const { default: circus } = createRequire(import.meta.url)('jest-circus/runner') as { default: Runner };

/** What jest wants to know of a file of which no test ran. */
const NOTHING_RAN = {
  skipped: true,
  leaks: false,
  numFailingTests: 0,
  numPassingTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  openHandles: [],
  perfStats: {
    start: 0,
    end: 0,
    runtime: 0,
    slow: false,
    loadTestEnvironmentStart: 0,
    loadTestEnvironmentEnd: 0,
    setupFilesStart: 0,
    setupFilesEnd: 0,
  },
  snapshot: { added: 0, fileDeleted: false, matched: 0, unchecked: 0, uncheckedKeys: [], unmatched: 0, updated: 0 },
  testResults: [],
};

/** Jest's own runner of a file, which is not even loaded once the mutant is killed. Stryker knows it by `jest-circus` in its name. */
export default async function run(...[globalConfig, config, environment, runtime, testPath, ...rest]: Parameters<Runner>): Promise<object> {
  if (isKilled()) return { ...NOTHING_RAN, testFilePath: testPath };
  return circus(globalConfig, config, environment, runtime, testPath, ...rest);
}
