import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { kafkaDataOf } from '#deploy/local/kafka.ts';
import { logOf, pidFileOf } from '#deploy/local/layout.ts';
import { partNamed } from '#deploy/local/open.ts';
import type { StackContext } from '#deploy/local/part.ts';
import { postgresDataOf } from '#deploy/local/postgres.ts';
import { goneWithin, runningRecord, send, startDetached, stopProcess, tailOf } from '#deploy/local/processes.ts';

/** PostgreSQL, Kafka and Redis of the harness's own stack: started, killed, frozen, put back to an older state. */
export interface Servers {
  /** Returns once it is ready; one that runs is left as it is. */
  start(server: Server, environment?: Readonly<Record<string, string>>): Promise<void>;
  stop(server: Server): Promise<void>;
  kill(server: Server, signal: NodeJS.Signals): Promise<void>;
  signal(server: Server, signal: NodeJS.Signals): void;
  isRunning(server: Server): boolean;
  dataOf(server: Stored): string;
  /** Keeps a copy of a stopped server's data under this name, instead of the one there was. */
  keepCopy(server: Stored, name: string): void;
  /** Puts a copy in the place of a stopped server's data. */
  putBack(server: Stored, name: string): void;
}

export type Server = 'postgres' | 'kafka' | 'redis';
export type Stored = 'postgres' | 'kafka';

const readyMsMax = 60_000;
const pollMs = 50;
const stopMsMax = 15_000;

export function createServers(context: StackContext): Servers {
  const { layout } = context;
  const pidFile = (server: Server): string => pidFileOf(layout, server);
  const dataOf = (server: Stored): string => (server === 'postgres' ? postgresDataOf(context) : kafkaDataOf(context));
  const copyOf = (server: Stored, name: string): string => join(context.serversHome, 'copies', name, server);

  /** With owners, modes and links as they are. */
  function copy(from: string, to: string): void {
    rmSync(to, { recursive: true, force: true });
    mkdirSync(join(to, '..'), { recursive: true });
    execFileSync('cp', ['-a', from, to]);
  }

  return {
    async start(server, environment = {}) {
      const part = partNamed(server);
      const log = logOf(layout, server);
      if (runningRecord(pidFile(server)) === null) await part.prepare(context);
      const deadline = performance.now() + readyMsMax;
      for (;;) {
        // One that ends at once (backends of its former self still hold its memory) is started again.
        if (runningRecord(pidFile(server)) === null) {
          const command = part.command(context);
          await startDetached(
            { ...command, env: { ...command.env, ...environment } },
            { log, pidFile: pidFile(server), port: part.port(layout), user: context.user },
          );
        }
        const reason = await part.ready(context);
        if (reason === null && runningRecord(pidFile(server)) !== null) return;
        if (performance.now() > deadline)
          throw new Error(`${server} is not ready after ${readyMsMax} ms (${reason ?? ''}); the end of ${log}:\n${tailOf(log, 20)}`);
        await pause(pollMs);
      }
    },
    async stop(server) {
      await stopProcess(pidFile(server), partNamed(server).stopSignal, stopMsMax);
    },
    async kill(server, signal) {
      const record = runningRecord(pidFile(server));
      if (record === null) return;
      send(record.pid, signal);
      if (!(await goneWithin(record, stopMsMax)))
        throw new Error(`${server} did not end by ${signal} within ${stopMsMax} ms: look at ${logOf(layout, server)}`);
    },
    signal(server, signal) {
      const record = runningRecord(pidFile(server));
      if (record !== null) send(record.pid, signal);
    },
    isRunning: (server) => runningRecord(pidFile(server)) !== null,
    dataOf,
    keepCopy(server, name) {
      copy(dataOf(server), copyOf(server, name));
    },
    putBack(server, name) {
      if (!existsSync(copyOf(server, name))) throw new Error(`there is no copy ${name} of ${server}: keep one first`);
      copy(copyOf(server, name), dataOf(server));
    },
  };
}
