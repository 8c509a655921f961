import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { formatPidRecord, isAlive, parsePidRecord, parseProcStat, startOf } from './identity.ts';

const record = { pid: 4711, start: '123@boot', since: '2026-11-20T12:00:00.000Z', port: 8101 };
const after = '4711 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 11 0 987654 1000 2000';

test('a pid file is read as it was written', () => {
  expect(parsePidRecord(formatPidRecord(record))).toEqual(record);
});

test.each([
  '',
  '4711',
  '{"pid":4711',
  'null',
  '{"pid":"4711"}',
  JSON.stringify({ ...record, pid: 1 }),
  JSON.stringify({ ...record, start: '' }),
])('no record: %s', (text) => {
  expect(parsePidRecord(text)).toBeNull();
});

test.each([
  [`4711 (node) S ${after.slice(5)}`, { state: 'S', group: 1, startTicks: '987654' }],
  [`4711 (a) b (c) R ${after.slice(5)}`, { state: 'R', group: 1, startTicks: '987654' }],
  ['4711 (node) S 1 2 3', null],
  ['', null],
])('/proc/PID/stat: %s', (text, expected) => {
  expect(parseProcStat(text)).toEqual(expected);
});

test('alive is this very process, not one that has its pid now', () => {
  const start = startOf(process.pid);
  expect(start).not.toBeNull();
  expect(isAlive({ pid: process.pid, start: start! })).toBe(true);
  expect(isAlive({ pid: process.pid, start: `${start!}1` })).toBe(false);
});

test('a process that has ended is not alive', async () => {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
  const identity = { pid: child.pid!, start: startOf(child.pid!)! };
  expect(isAlive(identity)).toBe(true);
  child.stdin.end();
  await once(child, 'close');
  expect(isAlive(identity)).toBe(false);
});
