import type { Log } from './log.ts';

/** A process that cannot stop in this time is ended as it stands: everything that matters is committed or not. */
export const stopMsMax = 10_000;

/** Exit codes of the services, so that whoever runs them can tell why one ended. */
export const EXIT = {
  stopped: 0,
  /** A bug: an assertion or an unexpected exception. */
  bug: 70,
  /** A person has to look: see the last line of the log. */
  terminal: 78,
  /** It did not stop in time. */
  stopTimeout: 75,
} as const;

/** What the lifecycle needs of the process; tests hand in their own. */
export interface ProcessPort {
  on(event: 'SIGTERM' | 'SIGINT', listener: () => void): unknown;
  on(event: 'uncaughtException' | 'unhandledRejection', listener: (error: unknown) => void): unknown;
  exit(code: number): void;
}

export interface Lifecycle {
  /** Ends the process in order, as SIGTERM does; later calls change nothing. */
  readonly stop: (why: string) => void;
  /** Logs the error and ends the process at once with `EXIT.bug`: memory cannot be trusted any more. */
  readonly crash: (error: unknown) => void;
}

/**
 * On SIGTERM or SIGINT runs `stop` (take no new work, finish what was begun, close
 * connections) and exits with 0, or with `EXIT.stopTimeout` when that takes longer
 * than `stopMsMax`. A second signal ends the process at once. An exception nobody
 * caught is a bug and crashes the process with `EXIT.bug`.
 */
export function superviseProcess({ process, log, stop }: { process: ProcessPort; log: Log; stop: () => Promise<void> }): Lifecycle {
  let stopping = false;

  const crash = (error: unknown): void => {
    log.fatal({ err: error }, 'stopped by a bug: nothing was committed by this step; report it with this line');
    process.exit(EXIT.bug);
  };

  const begin = (why: string): void => {
    if (stopping) return;
    stopping = true;
    log.info({ why }, 'stopping');
    const late = setTimeout(() => {
      log.error({ stopMsMax }, 'did not stop in time, ending as it stands');
      process.exit(EXIT.stopTimeout);
    }, stopMsMax);
    late.unref();
    stop().then(
      () => {
        clearTimeout(late);
        log.info('stopped');
        process.exit(EXIT.stopped);
      },
      (error: unknown) => {
        clearTimeout(late);
        crash(error);
      },
    );
  };

  const signalled = (signal: string) => (): void => {
    if (stopping) {
      log.warn({ signal }, 'second signal, ending as it stands');
      process.exit(EXIT.stopTimeout);
      return;
    }
    begin(signal);
  };
  process.on('SIGTERM', signalled('SIGTERM'));
  process.on('SIGINT', signalled('SIGINT'));
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
  return { stop: begin, crash };
}
