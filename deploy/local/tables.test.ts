import { stopGroups } from './down.ts';
import type { Part } from './part.ts';
import { selectParts } from './parts.ts';
import { aligned, findingLines, shellLines, statusLines } from './tables.ts';
import { addedUp, closingLines } from './test-totals.ts';

test('columns are aligned and lines have no space at their end', () => {
  expect(
    aligned([
      ['a', 'bbb', 'c'],
      ['aaaa', 'b', ''],
    ]),
  ).toEqual(['a     bbb  c', 'aaaa  b']);
});

test('status: one line a part, reasons below', () => {
  const since = '2026-11-20T12:00:00.000Z';
  expect(
    statusLines([
      { part: 'kafka', state: 'ready', pid: 12, port: 9192, since, reason: null },
      { part: 'writer', state: 'not ready', pid: 345, port: 8103, since, reason: 'no lease' },
      { part: 'redis', state: 'down', pid: null, port: 6390, since: null, reason: null },
    ]),
  ).toEqual([
    'PART    STATE      PID  PORT  SINCE',
    `kafka   ready      12   9192  ${since}`,
    `writer  not ready  345  8103  ${since}`,
    'redis   down       -    6390  -',
    'writer: no lease',
  ]);
});

test('doctor: the mend stands where something is wrong', () => {
  const lines = findingLines([
    { check: 'java', ok: true, found: 'found', mend: '' },
    { check: 'mvn', ok: false, found: 'not found', mend: 'apt-get install maven' },
  ]);
  expect(lines).toEqual(['ok   java  found', 'BAD  mvn   not found: apt-get install maven']);
});

test('values are safe in a shell', () => {
  expect(shellLines({ A: `it's $HOME` })).toEqual([`export A='it'\\''s $HOME'`]);
});

const partOf =
  (kind: Part['kind']) =>
  (name: string): Part => ({
    name,
    kind,
    port: () => 1,
    prepare: () => Promise.resolve(),
    command: () => ({ file: '', args: [], env: {}, cwd: '' }),
    ready: () => Promise.resolve(null),
    stopSignal: 'SIGTERM',
  });
const parts = [
  ...['postgres', 'kafka', 'redis', 'nginx'].map(partOf('server')),
  ...['writer', 'reserve', 'gateway-sim'].map(partOf('service')),
];
const names = (list: readonly { name: string }[]): string[] => list.map(({ name }) => name);

test.each([
  [undefined, ['postgres', 'kafka', 'redis', 'nginx', 'writer', 'reserve', 'gateway-sim']],
  [['servers'], ['postgres', 'kafka', 'redis', 'nginx']],
  [
    ['servers', 'writer'],
    ['postgres', 'kafka', 'redis', 'nginx', 'writer'],
  ],
  [['redis'], ['redis']],
])('only %j', (only, expected) => {
  expect(names(selectParts(parts, only))).toEqual(expected);
});

test('an unknown part is named together with those there are', () => {
  expect(() => selectParts(parts, ['servers', 'mars'])).toThrow('no part mars: choose from servers, postgres');
});

test('the gateway is stopped first, the servers last, and every part once', () => {
  expect(stopGroups(parts).map(names)).toEqual([['nginx'], ['reserve'], ['writer', 'gateway-sim'], ['postgres', 'kafka', 'redis']]);
});

const run = {
  numTotalTestSuites: 2,
  numPassedTestSuites: 1,
  numFailedTestSuites: 1,
  numRuntimeErrorTestSuites: 0,
  numTotalTests: 7,
  numPassedTests: 4,
  numFailedTests: 1,
  numPendingTests: 2,
};

test('both runs of jest are added up, and close with a line for programs', () => {
  expect(closingLines(addedUp([run, run]), 12.34)).toEqual([
    'Test Suites: 2 failed, 2 passed, 4 total',
    'Tests:       2 failed, 4 skipped, 8 passed, 14 total',
    'Time:        12.3 s',
    '8 passed, 2 failed, 4 skipped',
  ]);
});

test('a suite that could not be loaded is a failure', () => {
  expect(closingLines(addedUp([{ ...run, numFailedTests: 0, numPendingTests: 0, numRuntimeErrorTestSuites: 1 }]), 1).at(-1)).toBe(
    '4 passed, 1 failed',
  );
});
