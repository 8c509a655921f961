/**
 * Resident memory of each service when nobody asks for anything, some seconds after it was started for the second time:
 * on the first start after a change of the code each keeps the compiler that strips the types (20 MB), and Node's compile
 * cache is written.
 *
 *   make up; eval "$(node deploy/local/main.ts env)"; node bench/at-rest.ts [--quick]
 */
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { status } from '#deploy/local/status.ts';
import { SERVICES } from '#deploy/local/our-services.ts';
import { restartService } from '#deploy/local/up.ts';
import { memoryOf } from './process-figures.ts';
import { print } from './measurement.ts';

/** How long each has had to come to rest. */
const restSeconds = 20;
const quickRestSeconds = 2;

const { values: flags } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const seconds = flags.quick ? quickRestSeconds : restSeconds;

const names = SERVICES.map(({ name }) => name);
for (const name of names) await restartService(name, { say: () => undefined });
const running = (await status()).filter(({ part }) => names.includes(part));
const missing = running.filter(({ pid }) => pid === null).map(({ part }) => part);
if (missing.length > 0) throw new Error(`${missing.join(', ')} does not run: node deploy/local/main.ts up`);

const youngest = Math.max(...running.map(({ since }) => Date.parse(since!)));
const restMs = youngest + seconds * 1_000 - Date.now();
if (restMs > 0) {
  console.error(`waiting until ${seconds} s after the start of the last`);
  await pause(restMs);
}
const measured = running.map(({ part, pid }) => ({ part, ...memoryOf(pid!) })).sort((a, b) => b.residentMb - a.residentMb);
for (const { part, residentMb, ownMb } of measured) console.error(`  ${part}: ${residentMb} MB, of it ${ownMb} MB its own`);
print({
  id: 'P7',
  what: 'the largest service at rest',
  value: measured[0]!.residentMb,
  unit: 'MB',
  target: { bound: 'at most', value: 120 },
  right: true,
  details: {
    ...Object.fromEntries(measured.map(({ part, residentMb }) => [`${part.replaceAll('-', '_')}_mb`, residentMb])),
    ...Object.fromEntries(measured.map(({ part, ownMb }) => [`${part.replaceAll('-', '_')}_own_mb`, ownMb])),
    seconds_since_start: seconds,
  },
  command: `node bench/at-rest.ts${flags.quick ? ' --quick' : ''}`,
});
