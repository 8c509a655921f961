import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatPidRecord, isAlive, orphansOf, startOf } from './identity.ts';
import { endOrphans, goneWithin, runningRecord, startDetached, stopProcess, tailOf } from './processes.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'firstcome-processes-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function start(program: string) {
  const paths = { log: join(folder, 'log'), pidFile: join(folder, 'pid') };
  const command = { file: process.execPath, args: ['-e', program], env: {}, cwd: folder };
  return startDetached(command, { ...paths, port: 1, user: undefined });
}

async function untilLog(text: string): Promise<void> {
  while (!tailOf(join(folder, 'log'), 5).includes(text)) await new Promise((resolve) => setTimeout(resolve, 10));
}

const waits = `setInterval(() => {}, 1000); console.log('up')`;

test('what was started is running, writes its log, and is stopped by its signal', async () => {
  const record = await start(waits);
  await untilLog('up');
  expect(runningRecord(join(folder, 'pid'))).toEqual(record);
  expect(await stopProcess(join(folder, 'pid'), 'SIGTERM', 5_000)).toBe('stopped');
  expect(isAlive(record)).toBe(false);
  expect(existsSync(join(folder, 'pid'))).toBe(false);
});

test('what does not heed its signal is killed after its time', async () => {
  await start(`process.on('SIGTERM', () => {}); ${waits}`);
  await untilLog('up');
  expect(await stopProcess(join(folder, 'pid'), 'SIGTERM', 100)).toBe('killed');
});

test('a pid that belongs to another process now is left alone, and the stale file goes', async () => {
  const record = await start(waits);
  const pidFile = join(folder, 'stale');
  writeFileSync(pidFile, formatPidRecord({ ...record, start: `${record.start}0` }));
  expect(await stopProcess(pidFile, 'SIGKILL', 1_000)).toBe('was not running');
  expect(existsSync(pidFile)).toBe(false);
  expect(startOf(record.pid)).toBe(record.start);
  await stopProcess(join(folder, 'pid'), 'SIGKILL', 1_000);
});

test('what a killed process left behind is ended before it is started again', async () => {
  const record = await start(
    `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(waits)}], { stdio: 'inherit' }); setInterval(() => {}, 1000)`,
  );
  await untilLog('up');
  process.kill(record.pid, 'SIGKILL');
  await goneWithin(record, 5_000);
  const [child, ...more] = orphansOf(record);
  expect(more).toEqual([]);
  expect(startOf(child!)).not.toBeNull();
  await endOrphans(join(folder, 'pid'));
  expect(startOf(child!)).toBeNull();
});

test('what ends by itself is noticed', async () => {
  const record = await start(`console.log('done')`);
  expect(await goneWithin(record, 5_000)).toBe(true);
  expect(runningRecord(join(folder, 'pid'))).toBeNull();
});

test('a program that does not exist cannot be started', async () => {
  const paths = { log: join(folder, 'log'), pidFile: join(folder, 'pid') };
  const attempt = startDetached({ file: join(folder, 'none'), args: [], env: {}, cwd: folder }, { ...paths, port: 1, user: undefined });
  await expect(attempt).rejects.toThrow('cannot be started');
});

test('the end of a log', () => {
  writeFileSync(join(folder, 'log'), 'one\ntwo\nthree\n');
  expect(tailOf(join(folder, 'log'), 2)).toBe('two\nthree');
  expect(tailOf(join(folder, 'none'), 2)).toBe('');
  writeFileSync(join(folder, 'log'), 'of the run before\n# started 2026-11-20T12:00:00.000Z\nthree\n');
  expect(tailOf(join(folder, 'log'), 20)).toBe('three');
});
