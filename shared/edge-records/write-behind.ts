import { RetryableFault } from '#shared/faults/faults.ts';

/**
 * Rows that are written a moment later, many at once, by a process whose requests
 * must not wait for it. What cannot be kept is counted and let go: nothing here
 * slows a request or grows without bound.
 */

export interface WriteBehindLimits {
  /** Time between two beats. */
  readonly everyMs: number;
  /** Rows of one statement. So many waiting rows are written before the next beat. */
  readonly rowsAtOnceMax: number;
  /** Statements from one beat to the next: with `rowsAtOnceMax` the most that is ever asked of the database. */
  readonly statementsABeatMax: number;
  /** Those of the statement under way included. */
  readonly rowsWaitingMax: number;
}

/** `full`: too many waited. `refused`: the database took the statement and not the rows, which is a bug. `stopped`: the process ended first. */
export type DropReason = 'full' | 'refused' | 'stopped';

export interface WriteBehindOptions<Row> {
  readonly limits: WriteBehindLimits;
  /** All of them or none. Rejects with RetryableFault where the same rows may be taken later. */
  readonly write: (rows: readonly Row[]) => Promise<void>;
  readonly onWritten: (rows: number) => void;
  readonly onDropped: (rows: number, why: DropReason) => void;
  readonly onFault: (error: unknown) => void;
  /** Calls `work` each `ms` until the returned function is called. */
  readonly every?: (ms: number, work: () => void) => () => void;
}

export interface WriteBehind<Row> {
  /** Whether a row can be added now; false is counted as a row that was dropped. */
  admits(): boolean;
  /** Only after `admits()` said yes, in the same turn. */
  add(row: Row): void;
  waiting(): number;
  /** Writes what waits, for at most `msMax`; what is left then is dropped. Nothing is admitted any more. */
  close(msMax: number): Promise<void>;
}

export function createWriteBehind<Row>(options: WriteBehindOptions<Row>): WriteBehind<Row> {
  const { limits, write, onWritten, onDropped, onFault, every = everyInBackground } = options;
  /** In the order in which they came; taken out once they are written. */
  const rows: Row[] = [];
  let statementsLeft = limits.statementsABeatMax;
  let underWay: Promise<void> | null = null;
  let closed = false;
  /** Nobody waits for the end of `close` any more. */
  let late = false;

  const stopBeating = every(limits.everyMs, () => {
    statementsLeft = limits.statementsABeatMax;
    if (rows.length > 0) begin();
  });

  function begin(): void {
    // What is left is written by `close`, and by nobody beside it.
    if (closed) return;
    underWay ??= writeWhileFull().finally(() => (underWay = null));
  }

  async function writeWhileFull(): Promise<void> {
    do {
      if (statementsLeft <= 0) return;
      statementsLeft -= 1;
      if (!(await writeOnce())) return;
    } while (rows.length >= limits.rowsAtOnceMax);
  }

  /** Whether it makes sense to go on at once. */
  async function writeOnce(): Promise<boolean> {
    const some = rows.slice(0, limits.rowsAtOnceMax);
    if (some.length === 0) return false;
    try {
      await write(some);
    } catch (error) {
      onFault(error);
      if (error instanceof RetryableFault) return false;
      rows.splice(0, some.length);
      onDropped(some.length, 'refused');
      return true;
    }
    rows.splice(0, some.length);
    onWritten(some.length);
    return true;
  }

  async function writeRest(): Promise<void> {
    await underWay;
    while (!late && (await writeOnce()));
  }
  return {
    admits() {
      if (!closed && rows.length < limits.rowsWaitingMax) return true;
      onDropped(1, closed ? 'stopped' : 'full');
      return false;
    },
    add(row) {
      rows.push(row);
      // Not in this turn: putting a statement together takes longer than the request may notice.
      if (rows.length === limits.rowsAtOnceMax) setImmediate(begin);
    },
    waiting: () => rows.length,
    async close(msMax) {
      closed = true;
      stopBeating();
      let timer: NodeJS.Timeout | undefined;
      const tooLate = new Promise<void>((resolve) => (timer = setTimeout(resolve, msMax)));
      await Promise.race([writeRest(), tooLate]);
      late = true;
      clearTimeout(timer);
      if (rows.length > 0) onDropped(rows.length, 'stopped');
    },
  };
}

function everyInBackground(ms: number, work: () => void): () => void {
  const timer = setInterval(work, ms);
  timer.unref();
  return () => clearInterval(timer);
}
