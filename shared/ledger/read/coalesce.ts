/** Calls that wait to be loaded, at most; more than that is a sign that the ledger is away. */
const keysAtOnceMax = 500;
const loadsAtOnceMax = 2;
/** The clock by which a crowd gathers. */
export interface Beat {
  /** Milliseconds, monotonic. */
  readonly nowMs: () => number;
  readonly after: (ms: number, run: () => void) => void;
}

export const processBeat: Beat = { nowMs: () => performance.now(), after: (ms, run) => void setTimeout(run, ms) };

/** Least time between the starts of two loads: each costs a query, whatever is in it, and one that writes a transaction. A lone call does not wait for it. */
const everyMs = 4;
/** The same behind a load of so many keys: the beat of requests for the line (enqueue.ts), so that what is loaded for one of those goes on in step. */
const crowdEveryMs = 12;
const crowdMin = 3;

/**
 * One load for all the keys that are asked for while earlier loads are on their way,
 * so that a crowd of single reads costs a few queries. null where a key has nothing.
 *
 * @param beat where given, loads keep a distance from each other in which others join; null: none waits for company
 */
export function coalesce<Key, Value>(
  load: (keys: readonly Key[]) => Promise<ReadonlyMap<string, Value>>,
  nameOf: (key: Key) => string,
  beat: Beat | null = null,
): (key: Key) => Promise<Value | null> {
  interface Call {
    readonly key: Key;
    readonly resolve: (value: Value | null) => void;
    readonly reject: (error: unknown) => void;
  }
  let waiting: Call[] = [];
  let loading = 0;
  /** When the newest load began, and with how many keys. */
  let begunAt = -Infinity;
  let newest = 0;
  let planned = false;

  async function run(): Promise<void> {
    const calls = waiting.slice(0, keysAtOnceMax);
    waiting = waiting.slice(keysAtOnceMax);
    loading += 1;
    begunAt = beat?.nowMs() ?? 0;
    newest = calls.length;
    try {
      const found = await load(calls.map(({ key }) => key));
      for (const { key, resolve } of calls) resolve(found.get(nameOf(key)) ?? null);
    } catch (error) {
      for (const { reject } of calls) reject(error);
    } finally {
      loading -= 1;
      plan();
    }
  }

  function plan(): void {
    if (planned || waiting.length === 0 || loading >= loadsAtOnceMax) return;
    const gapMs = newest < crowdMin ? everyMs : crowdEveryMs;
    const waitMs = beat === null || waiting.length >= keysAtOnceMax ? 0 : begunAt + gapMs - beat.nowMs();
    planned = true;
    const begin = (): void => {
      planned = false;
      if (loading < loadsAtOnceMax && waiting.length > 0) void run();
    };
    // Begun in the next microtask, so that what is asked for in the same turn goes together.
    if (beat === null || waitMs < 1) queueMicrotask(begin);
    else beat.after(waitMs, begin);
  }

  return (key) =>
    new Promise((resolve, reject) => {
      waiting.push({ key, resolve, reject });
      plan();
    });
}
