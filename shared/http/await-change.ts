import { everyInBackground, type Every } from './every.ts';

/**
 * Waiting until something that is read from the ledger has changed: an order that
 * leaves `pending`, a reservation that leaves the line. All that wait are read in
 * one query; where a change is announced, it is read at once.
 */

export interface ChangeWaiterOptions<Value> {
  /** What there is, by id. */
  readonly read: (ids: readonly string[]) => Promise<ReadonlyMap<string, Value>>;
  /** Whether the wait for it is over. */
  readonly settled: (value: Value) => boolean;
  /** True once a change of it is announced; the read that follows finds it. Absent: it is found by reading again and again. */
  readonly announced?: (id: string, timeoutMs: number) => Promise<boolean>;
  /** Told of a read that failed; it is tried again. */
  readonly onFault: (error: unknown) => void;
  readonly now?: () => number;
  readonly every?: Every;
}

export interface ChangeWaiter<Value> {
  /** The newest that was read when the wait ended; null where there is nothing yet. */
  until(id: string, deadlineMs: number): Promise<Value | null>;
  waiting(): number;
  /** Ends every wait at once. */
  stop(): void;
}

const beatMs = 25;
const readAgainMsMin = 50;
const readAgainMsMax = 1_000;
const readAtOnceMax = 1_000;

interface Watched<Value> {
  value: Value | null;
  readAt: number;
  gapMs: number;
  readonly waits: Set<{ readonly deadline: number; readonly end: (value: Value | null) => void }>;
}

export function createChangeWaiter<Value>(options: ChangeWaiterOptions<Value>): ChangeWaiter<Value> {
  const { read, settled, announced, onFault, now = Date.now, every = everyInBackground } = options;
  const watched = new Map<string, Watched<Value>>();
  /** Whose change was announced and has not been read. */
  const changed = new Set<string>();
  let reading = false;
  let stopped = false;

  function endAll(id: string, one: Watched<Value>): void {
    watched.delete(id);
    for (const { end } of one.waits) end(one.value);
  }

  async function readThose(ids: readonly string[]): Promise<void> {
    reading = true;
    try {
      for (const [id, value] of await read(ids)) {
        const one = watched.get(id);
        if (one === undefined) continue;
        one.value = value;
        if (settled(value)) endAll(id, one);
      }
    } catch (error) {
      onFault(error);
    } finally {
      reading = false;
      readChanged();
    }
  }

  /** All that were announced in one turn, or while another read was under way, are read together. */
  function readChanged(): void {
    if (reading || stopped || changed.size === 0) return;
    const ids = [...changed].filter((id) => watched.has(id)).slice(0, readAtOnceMax);
    if (ids.length < readAtOnceMax) changed.clear();
    else for (const id of ids) changed.delete(id);
    if (ids.length > 0) void readThose(ids);
  }

  function beat(): void {
    if (watched.size === 0) return;
    const at = now();
    const due: string[] = [];
    for (const [id, one] of watched) {
      for (const wait of one.waits) {
        if (wait.deadline > at) continue;
        one.waits.delete(wait);
        wait.end(one.value);
      }
      if (one.waits.size === 0) {
        watched.delete(id);
      } else if (!reading && one.readAt <= at && due.length < readAtOnceMax) {
        one.gapMs = Math.min(one.gapMs * 1.5, readAgainMsMax);
        one.readAt = at + one.gapMs;
        due.push(id);
      }
    }
    if (due.length > 0) void readThose(due);
  }
  const stopBeating = every(beatMs, beat);

  return {
    until(id, deadlineMs) {
      return new Promise((resolve) => {
        if (stopped || deadlineMs <= now()) {
          resolve(null);
          return;
        }
        let one = watched.get(id);
        if (one === undefined) {
          one = { value: null, readAt: 0, gapMs: readAgainMsMin, waits: new Set() };
          watched.set(id, one);
        }
        one.waits.add({ deadline: deadlineMs, end: resolve });
        void announced?.(id, deadlineMs - now()).then((told) => {
          if (!told) return;
          changed.add(id);
          queueMicrotask(readChanged);
        });
      });
    },
    waiting: () => watched.size,
    stop() {
      stopped = true;
      stopBeating();
      for (const [id, one] of watched) endAll(id, one);
    },
  };
}
