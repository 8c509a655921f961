import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { formatPidRecord, startOf } from '#deploy/local/identity.ts';
import { logOf, pidFileOf, type Layout } from '#deploy/local/layout.ts';
import type { Command } from '#deploy/local/part.ts';

/**
 * Our own services, watched as whoever runs them in production watches them: what ends is started again
 * after a second. They are children of the harness, so that it learns how each of them ended.
 */
export interface Services {
  start(name: string, command: Command, port: number): void;
  /** Ends it and leaves it so. */
  stop(name: string, signal?: NodeJS.Signals): Promise<void>;
  /** A fault ends it: it is started again after a second. */
  kill(name: string, signal?: NodeJS.Signals): Promise<void>;
  signal(name: string, signal: NodeJS.Signals): void;
  running(): readonly string[];
  /** Ends that nobody asked for since this was last called. */
  takeExits(): { readonly name: string; readonly code: number | null }[];
}

const restartMs = 1_000;
const stopMsMax = 12_000;

interface Watched {
  readonly command: Command;
  readonly port: number;
  child: ChildProcess;
  /** Its end is asked for: by `stop` for good, by `kill` once. */
  asked: 'no' | 'once' | 'for_good';
  restart: NodeJS.Timeout | undefined;
}

export function watchServices(layout: Layout): Services {
  const watched = new Map<string, Watched>();
  let exits: { name: string; code: number | null }[] = [];

  function launch(name: string, command: Command, port: number): ChildProcess {
    const log = logOf(layout, name);
    mkdirSync(dirname(log), { recursive: true });
    const output = openSync(log, 'a');
    const child = spawn(command.file, command.args, {
      cwd: command.cwd,
      env: { ...command.env },
      stdio: ['ignore', output, output],
      // A group of its own: an interrupt at the keyboard is the harness's to pass on, in order.
      detached: true,
    });
    closeSync(output);
    if (child.pid !== undefined) {
      // So that the next run finds what a harness that was killed left behind.
      const record = { pid: child.pid, start: startOf(child.pid) ?? 'ended', since: new Date().toISOString(), port };
      writeFileSync(pidFileOf(layout, name), formatPidRecord(record));
    }
    child.once('exit', (code) => {
      ended(name, child, code);
    });
    return child;
  }

  function ended(name: string, child: ChildProcess, code: number | null): void {
    const one = watched.get(name);
    if (one?.child !== child) return;
    if (one.asked === 'no') exits.push({ name, code });
    if (one.asked === 'for_good') return;
    one.asked = 'no';
    one.restart = setTimeout(() => {
      one.child = launch(name, one.command, one.port);
    }, restartMs);
  }

  const isRunning = ({ child }: Watched): boolean => child.exitCode === null && child.signalCode === null;

  async function end(name: string, signal: NodeJS.Signals, asked: 'once' | 'for_good'): Promise<void> {
    const one = watched.get(name);
    if (one === undefined) return;
    if (asked === 'for_good') clearTimeout(one.restart);
    one.asked = asked;
    if (!isRunning(one)) return;
    const gone = once(one.child, 'exit');
    one.child.kill(signal);
    const inTime = await Promise.race([gone.then(() => true), pause(stopMsMax, false)]);
    if (inTime) return;
    one.child.kill('SIGKILL');
    await gone;
  }

  return {
    start(name, command, port) {
      const before = watched.get(name);
      if (before !== undefined && (isRunning(before) || before.asked !== 'for_good'))
        throw new Error(`${name} is watched already: stop it first`);
      watched.set(name, { command, port, child: launch(name, command, port), asked: 'no', restart: undefined });
    },
    stop: (name, signal = 'SIGTERM') => end(name, signal, 'for_good'),
    kill: (name, signal = 'SIGKILL') => end(name, signal, 'once'),
    signal(name, signal) {
      watched.get(name)?.child.kill(signal);
    },
    running: () => [...watched].filter(([, one]) => one.asked !== 'for_good').map(([name]) => name),
    takeExits() {
      const taken = exits;
      exits = [];
      return taken;
    },
  };
}
