import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ensureFaketime } from '#deploy/local/packages.ts';
import { until } from '../until.ts';
import { haltedLines } from './evidence.ts';
import type { Scene } from './scene.ts';
import { ownerOf } from './owner.ts';
import { untilHalted } from './restore.ts';
import type { Stack, Writer } from './stack.ts';

/** Clocks that are wrong by ten minutes, by libfaketime. Clocks that only count stay right, as they do when a wall clock is set. */

const minutes = 10;
const takeoverMsMax = 30_000;

function faketime(stack: Stack, further: Readonly<Record<string, string>>): Record<string, string> {
  return {
    LD_PRELOAD: ensureFaketime(stack.context.layout, stack.context.say),
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    // Or Java's waits, which go by the clock that only counts, would be moved by ten minutes too.
    FAKETIME_FORCE_MONOTONIC_FIX: '0',
    ...further,
  };
}

const clockFileOf = (stack: Stack, writer: Writer): string => join(stack.context.layout.home, writer, 'clock');

/** Both writers, each with a clock that a file moves while it runs. */
export async function startWritersUnderFaketime(stack: Stack): Promise<void> {
  for (const writer of ['writer', 'writer-standby'] as const) {
    const file = clockFileOf(stack, writer);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, '+0\n');
    await stack.services.stop(writer);
    stack.start(writer, faketime(stack, { FAKETIME_TIMESTAMP_FILE: file, FAKETIME_CACHE_DURATION: '1' }));
  }
  await stack.heal();
}

export async function moveWriterClock(scene: Scene): Promise<string> {
  const { stack, sale, random } = scene;
  const owner = await ownerOf(scene);
  const way = random.pick(['forward', 'back']);
  writeFileSync(clockFileOf(stack, owner), `${way === 'forward' ? '+' : '-'}${minutes * 60}\n`);
  if (way === 'forward') {
    await pause(3_000);
    return `${owner} ${minutes} min ahead, ${await ownerOf(scene)} owns the line`;
  }
  const halted = await untilHalted(scene, ['broker_clock_ahead']);
  const next = await until(
    () => stack.ownerOf(sale.partition),
    (now) => now !== null && now !== owner,
    takeoverMsMax,
  );
  // A halted writer looks again when it is started again, with the right clock.
  await stack.services.stop(owner);
  return `${owner} ${minutes} min behind, ${halted}; ${next} took over`;
}

export async function moveBrokerClock(scene: Scene, way: 'ahead' | 'back'): Promise<string> {
  const { stack, random } = scene;
  await stack.servers.stop('kafka');
  await stack.servers.start('kafka', faketime(stack, { FAKETIME: `${way === 'ahead' ? '+' : '-'}${minutes}m` }));
  if (way === 'ahead') return `the broker ${minutes} min ahead; ${await untilHalted(scene, ['broker_clock_ahead'])}`;
  await pause(random.between(1_500, 4_000));
  const halted = (await haltedLines(stack)).length;
  await stack.servers.stop('kafka');
  await stack.servers.start('kafka');
  return `the broker ${minutes} min behind and back, ${halted} lines halted`;
}
