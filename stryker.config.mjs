/**
 * `make mutation`: is each line of the core (shared/sale) tested? Stryker changes one after the other, and a change that
 * no test notices has survived. What survives, and why it may, stands in docs/MUTATIONS.md.
 */

/** What an assertion says when it fails is for people; that it fails is what is tested. */
const assertionMessages = {
  shouldIgnore({ node, parent }) {
    const isMessage = parent?.type === 'CallExpression' && parent.callee.name === 'assert' && parent.arguments[1] === node;
    const isThrown = parent?.type === 'NewExpression' && parent.callee.name === 'Error';
    return isMessage || isThrown ? 'the message of an assertion' : undefined;
  },
};

export const strykerPlugins = [{ kind: 'Ignore', name: 'assertion-messages', value: assertionMessages }];

const cache = '.local/mutation';

export default {
  mutate: ['shared/sale/*.ts', '!shared/sale/*.test.ts'],
  ignorers: ['assertion-messages'],
  plugins: ['@stryker-mutator/jest-runner', './stryker.config.mjs'],

  testRunner: 'jest',
  coverageAnalysis: 'perTest',
  // The tables of transitions are made when they are loaded: to leave such mutants out would leave the rules out.
  ignoreStatic: false,
  jest: {
    configFile: 'jest.config.json',
    // Every test of the core is about all of it.
    enableFindRelatedTests: false,
    config: {
      roots: ['<rootDir>/shared', '<rootDir>/schemas'],
      testMatch: ['<rootDir>/shared/sale/*.test.ts'],
      testEnvironment: './tests/mutation/first-failure.ts',
      testRunner: '<rootDir>/tests/mutation/jest-circus-until-killed.ts',
      testSequencer: '<rootDir>/tests/mutation/quick-first.ts',
      setupFilesAfterEnv: ['<rootDir>/tests/mutation/few-runs.ts'],
    },
  },

  // At nice 19 (see the Makefile) two take what nobody else wants of a small machine.
  concurrency: 2,
  // A loop without end counts as noticed. Long, or a busy machine would notice what no test does.
  timeoutMS: 20_000,

  // The sandbox is a copy of what the tests need and nothing else; a mutant that did not change is not tried again.
  tempDirName: `${cache}/sandbox`,
  ignorePatterns: ['*', '!package.json', '!jest.config.json', '!shared/**/*', '!schemas/**/*', '!tests/mutation/**/*'],
  incremental: true,
  incrementalFile: `${cache}/incremental.json`,
  reporters: ['clear-text', 'progress-append-only', 'json', 'html'],
  clearTextReporter: { allowColor: false, reportTests: false, logTests: false },
  jsonReporter: { fileName: `${cache}/report.json` },
  htmlReporter: { fileName: `${cache}/report.html` },
  thresholds: { high: 95, low: 90, break: 90 },
};
