import { setTimeout as pause } from 'node:timers/promises';
import { stopPart } from './down.ts';
import { messageOf, StackFailure } from './failure.ts';
import { isAlive, type PidRecord } from './identity.ts';
import { logOf, pidFileOf, type Layout } from './layout.ts';
import { withLock } from './lock.ts';
import { contextOf, partNamed, type StackOptions } from './open.ts';
import { ensurePackages } from './packages.ts';
import type { Part, StackContext } from './part.ts';
import { PARTS, selectParts } from './parts.ts';
import { portFree } from './ports.ts';
import { stepBack } from './priority.ts';
import { endOrphans, runningRecord, startDetached, tailOf } from './processes.ts';

/** A broker on a machine that does much else has been seen to take a minute. */
const readyMsMax = 180_000;
const askEveryMs = 100;
/** How often a part is started again whose early end is known to pass. */
const startsMax = 20;
const tailLines = 20;

export interface UpOptions extends StackOptions {
  /** Names of parts, `servers` for the four servers; default: STACK_ONLY, else all. */
  readonly only?: readonly string[];
}

/**
 * Brings up what is not running: servers, then schema and topics, then services.
 * What runs is left as it is. Throws StackFailure that names the part and shows the
 * end of its log, after stopping what this call had started.
 */
export async function up(options: UpOptions = {}): Promise<void> {
  const context = contextOf(options);
  const { layout, say } = context;
  const parts = selectParts(PARTS, options.only ?? layout.only);
  await withLock(layout.home, say, async () => {
    ensurePackages(layout, say);
    const started: Part[] = [];
    try {
      await startAll(
        context,
        parts.filter(({ kind }) => kind === 'server'),
        started,
      );
      await startAll(
        context,
        parts.filter(({ kind }) => kind === 'service'),
        started,
      );
    } catch (error) {
      for (const part of started.reverse()) await stopPart(layout, part);
      throw error;
    }
    if (started.length === 0) say(`everything is up on http://localhost:${layout.ports.gateway}`);
    else say(`up: ${started.length} started on http://localhost:${layout.ports.gateway}`);
  });
}

/** All at once; every one has ended its attempt before a failure is thrown, so that nothing is started behind it. */
async function startAll(context: StackContext, parts: readonly Part[], started: Part[]): Promise<void> {
  const outcomes = await Promise.allSettled(parts.map((part) => startPart(context, part, started)));
  const failures = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => messageOf(reason));
  if (failures.length > 0) throw new StackFailure(failures.join('\n\n'));
}

async function startPart(context: StackContext, part: Part, started: Part[]): Promise<void> {
  const { layout, say } = context;
  const begun = performance.now();
  let record = runningRecord(pidFileOf(layout, part.name));
  const fresh = record === null;
  if (record === null) {
    const port = part.port(layout);
    await endOrphans(pidFileOf(layout, part.name));
    await insistPortFree(part, port);
    try {
      await part.prepare(context);
    } catch (error) {
      throw new StackFailure(`${part.name} did not come up: ${messageOf(error)}`);
    }
    started.push(part);
    record = await startDetached(part.command(context), {
      log: logOf(layout, part.name),
      pidFile: pidFileOf(layout, part.name),
      port,
      user: part.kind === 'server' ? context.user : undefined,
    });
    if (part.goesFirst !== true) await stepBack(record.pid);
  }
  await untilReady(context, part, record);
  await part.settle?.(context);
  if (fresh) say(`${part.name.padEnd(14)} ready after ${((performance.now() - begun) / 1000).toFixed(1)} s on port ${part.port(layout)}`);
}

async function untilReady(context: StackContext, part: Part, first: PidRecord): Promise<void> {
  const { layout } = context;
  const deadline = performance.now() + readyMsMax;
  let record = first;
  for (let starts = 1; ;) {
    const reason = await part.ready(context);
    if (reason === null && isAlive(record)) return;
    const tail = tailOf(logOf(layout, part.name), tailLines);
    if (!isAlive(record)) {
      if (starts >= startsMax || part.passing?.(tail) !== true) throw failed(layout, part, 'it ended before it was ready');
      starts += 1;
      await pause(askEveryMs * 2);
      const [log, pidFile, port] = [logOf(layout, part.name), pidFileOf(layout, part.name), part.port(layout)];
      record = await startDetached(part.command(context), { log, pidFile, port, user: context.user });
      if (part.goesFirst !== true) await stepBack(record.pid);
    }
    if (performance.now() > deadline) throw failed(layout, part, `not ready after ${readyMsMax / 1000} s: ${reason ?? ''}`);
    await pause(askEveryMs);
  }
}

function failed(layout: Layout, part: Part, why: string): StackFailure {
  const log = logOf(layout, part.name);
  return new StackFailure(`${part.name} did not come up: ${why}\nThe end of ${log}:\n${tailOf(log, tailLines) || '(it is empty)'}`);
}

/** Throws where another program listens on the part's port: the part would fail with a message of its own, less clear. */
async function insistPortFree(part: Part, port: number): Promise<void> {
  if (await portFree(port)) return;
  throw new StackFailure(
    `${part.name} did not come up: port ${port} is taken by a program that this stack did not start. Stop it, or set PORT_OFFSET in .env.`,
  );
}

/** Stops one part in order and starts it again; returns once it is ready. */
export async function restartService(name: string, options: StackOptions = {}): Promise<void> {
  const context = contextOf(options);
  const part = partNamed(name);
  await withLock(context.layout.home, context.say, async () => {
    await stopPart(context.layout, part);
    await startPart(context, part, []);
  });
}
