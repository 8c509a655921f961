import { spawnSync } from 'node:child_process';

test('package-lock.json names the packages of every platform, so that `npm ci` takes it', () => {
  const { stdout, stderr } = spawnSync(process.execPath, ['deploy/local/complete-lock.mjs', '--check'], { encoding: 'utf8' });
  expect(stdout + stderr).toBe('');
});
