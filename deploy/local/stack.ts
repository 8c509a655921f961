import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Environment } from '#shared/config/environment.ts';
import { serviceEnvironment, withDotEnv } from './environment.ts';
import { messageOf, StackFailure } from './failure.ts';
import { isAlive, type PidRecord } from './identity.ts';
import { layoutOf, logOf, pidFileOf, type Layout } from './layout.ts';
import { withLock } from './lock.ts';
import { ensurePackages } from './packages.ts';
import type { Part, StackContext } from './part.ts';
import { allParts, selectParts } from './parts.ts';
import { goneWithin, runningRecord, send, startDetached, stopProcess, tailOf } from './processes.ts';
import { serversHomeOf, serverUserOf } from './server-user.ts';

/**
 * The stack: `up`, `down`, `status` and what tests do to single parts. Which stack
 * is meant stands in the environment (FIRSTCOME_HOME, PORT_OFFSET and `.env`).
 */

const readyMsMax = 90_000;
const askEveryMs = 100;
/** A service ends by itself within 10 s; servers are quicker. */
const stopMsMax = 15_000;
/** How often a part is started again whose first end is known to pass. */
const startsMax = 20;
const tailLines = 20;

export interface StackOptions {
  /** Default: this process's. */
  readonly environment?: Environment;
  /** Gets each line for the person who waits; default: nobody. */
  readonly say?: (line: string) => void;
}

export interface UpOptions extends StackOptions {
  /** Names of parts, `servers` for the four servers; default: STACK_ONLY, else all. */
  readonly only?: readonly string[];
}

export interface PartStatus {
  readonly part: string;
  /** `down`: not running and not wanted by a pid file; `dead`: a pid file without its process. */
  readonly state: 'ready' | 'not ready' | 'dead' | 'down';
  readonly pid: number | null;
  readonly port: number;
  /** RFC 3339 UTC; null where it does not run. */
  readonly since: string | null;
  /** Why it is not ready. */
  readonly reason: string | null;
}

/** The checkout that holds `start`: the nearest folder upwards whose package.json is this project's. */
export function findRoot(start: string): string {
  for (let folder = resolve(start); ; folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { name?: string }).name === 'firstcome') return folder;
    if (folder === dirname(folder))
      throw new StackFailure(`${start} is not within a checkout of firstcome: change into it and run this again.`);
  }
}

export function openLayout(environment: Environment = process.env): { layout: Layout; environment: Environment } {
  const root = findRoot(process.cwd());
  const whole = withDotEnv(environment, root);
  return { layout: layoutOf(whole, root), environment: whole };
}

function contextOf(options: StackOptions): StackContext {
  const { layout, environment } = openLayout(options.environment);
  const user = serverUserOf(layout, environment);
  return {
    layout,
    user,
    serversHome: serversHomeOf(layout, user),
    environment: serviceEnvironment(layout, environment),
    say: options.say ?? (() => undefined),
  };
}

/** The variables that services and tools of this stack run with: addresses, secrets and what the environment says. */
export function stackEnvironment(environment: Environment = process.env): Record<string, string> {
  const open = openLayout(environment);
  return serviceEnvironment(open.layout, open.environment);
}

/**
 * Brings up what is not running: servers, then schema and topics, then services.
 * What runs is left as it is. Throws StackFailure that names the part and shows the
 * end of its log, after stopping what this call had started.
 */
export async function up(options: UpOptions = {}): Promise<void> {
  const context = contextOf(options);
  const { layout, say } = context;
  const parts = selectParts(allParts(layout.root), options.only ?? layout.only);
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

/** Whether a program could listen on the port of the loopback address now. */
export function portFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(false);
    });
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}

function stopPart(layout: Layout, part: Part): Promise<'stopped' | 'killed' | 'was not running'> {
  return stopProcess(pidFileOf(layout, part.name), part.stopSignal, stopMsMax);
}

/**
 * Stops what `up` started and nothing else: services first, all at once, then the
 * servers. Data stays. Works after a crash too: a pid file whose process is gone
 * is removed, one whose pid belongs to another process now is removed as well.
 */
export async function down(options: StackOptions = {}): Promise<void> {
  const { layout } = openLayout(options.environment);
  const say = options.say ?? (() => undefined);
  const parts = allParts(layout.root);
  await withLock(layout.home, say, async () => {
    let stopped = 0;
    for (const group of stopGroups(parts)) {
      const outcomes = await Promise.all(group.map((part) => stopPart(layout, part)));
      outcomes.forEach((outcome, index) => {
        if (outcome === 'was not running') return;
        stopped += 1;
        say(`${group[index]!.name.padEnd(14)} ${outcome}`);
      });
    }
    if (stopped === 0) say('nothing was running');
  });
}

/** Who is stopped together: the gateway, so that no request comes in; those who ask; those who decide; the servers. */
export function stopGroups(parts: readonly Part[]): readonly (readonly Part[])[] {
  const deciding = ['writer', 'writer-standby', 'gateway-sim'];
  const groups = [
    (part: Part) => part.name === 'nginx',
    (part: Part) => part.kind === 'service' && !deciding.includes(part.name),
    (part: Part) => deciding.includes(part.name),
    (part: Part) => part.kind === 'server' && part.name !== 'nginx',
  ];
  return groups.map((belongs) => parts.filter(belongs)).filter((group) => group.length > 0);
}

/** How each part stands, asked from the parts themselves. */
export async function status(options: StackOptions = {}): Promise<readonly PartStatus[]> {
  const context = contextOf(options);
  const { layout } = context;
  return Promise.all(
    allParts(layout.root).map(async (part): Promise<PartStatus> => {
      const pidFile = pidFileOf(layout, part.name);
      const port = part.port(layout);
      const record = runningRecord(pidFile);
      if (record === null)
        return { part: part.name, state: existsSync(pidFile) ? 'dead' : 'down', pid: null, port, since: null, reason: null };
      const reason = await part.ready(context);
      return {
        part: part.name,
        state: reason === null ? 'ready' : 'not ready',
        pid: record.pid,
        port: record.port,
        since: record.since,
        reason,
      };
    }),
  );
}

function partNamed(layout: Layout, name: string): Part {
  const [part] = selectParts(allParts(layout.root), [name]);
  if (part === undefined) throw new StackFailure(`There is no part ${name}.`);
  return part;
}

/** Stops one part in order and starts it again; returns once it is ready. */
export async function restartService(name: string, options: StackOptions = {}): Promise<void> {
  const context = contextOf(options);
  const part = partNamed(context.layout, name);
  await withLock(context.layout.home, context.say, async () => {
    await stopPart(context.layout, part);
    await startPart(context, part, []);
  });
}

/**
 * Sends a signal to one part, for tests of crashes and pauses (SIGKILL, SIGSTOP, SIGCONT).
 * After a signal that ends a process this returns once it has ended. Returns the pid.
 * Throws StackFailure where the part does not run.
 */
export async function killService(name: string, signal: NodeJS.Signals = 'SIGKILL', options: StackOptions = {}): Promise<number> {
  const { layout } = openLayout(options.environment);
  const part = partNamed(layout, name);
  const record = runningRecord(pidFileOf(layout, part.name));
  if (record === null) throw new StackFailure(`${name} does not run: start it with \`make up\`.`);
  send(record.pid, signal);
  if (['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGQUIT'].includes(signal)) await goneWithin(record, stopMsMax);
  return record.pid;
}
