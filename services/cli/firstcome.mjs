#!/usr/bin/env node
/**
 * `npx firstcome ...`. The command is TypeScript that Node 26 runs as it stands;
 * where an older Node starts this file, the one that `npm ci` brought takes over.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const oldestMajor = 26;
const own = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url));
const main = fileURLToPath(new URL('./main.ts', import.meta.url));
const isOld = Number(process.versions.node.split('.')[0]) < oldestMajor;

if (isOld && !existsSync(own)) {
  console.error(`firstcome needs Node ${oldestMajor} or newer, this is ${process.version}. Run "npm ci" in the checkout: it brings one.`);
  process.exit(1);
}
const node = isOld ? own : process.execPath;
// A terminal's Ctrl-C reaches the child by itself; this process only waits for it.
process.on('SIGINT', () => undefined);
const { status, signal } = spawnSync(node, ['--disable-warning=TimeoutNegativeWarning', main, ...process.argv.slice(2)], {
  stdio: 'inherit',
});
process.exit(status ?? (signal === null ? 1 : 130));
