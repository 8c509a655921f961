/** Calls that wait to be loaded, at most; more than that is a sign that the ledger is away. */
const keysAtOnceMax = 500;
const loadsAtOnceMax = 2;

/**
 * One load for all the keys that are asked for while earlier loads are on their way,
 * so that a crowd of single reads costs a few queries. null where a key has nothing.
 */
export function coalesce<Key, Value>(
  load: (keys: readonly Key[]) => Promise<ReadonlyMap<string, Value>>,
  nameOf: (key: Key) => string,
): (key: Key) => Promise<Value | null> {
  interface Call {
    readonly key: Key;
    readonly resolve: (value: Value | null) => void;
    readonly reject: (error: unknown) => void;
  }
  let waiting: Call[] = [];
  let loading = 0;

  async function run(): Promise<void> {
    const calls = waiting.slice(0, keysAtOnceMax);
    waiting = waiting.slice(keysAtOnceMax);
    loading += 1;
    try {
      const found = await load(calls.map(({ key }) => key));
      for (const { key, resolve } of calls) resolve(found.get(nameOf(key)) ?? null);
    } catch (error) {
      for (const { reject } of calls) reject(error);
    } finally {
      loading -= 1;
      if (waiting.length > 0) void run();
    }
  }

  return (key) =>
    new Promise((resolve, reject) => {
      waiting.push({ key, resolve, reject });
      // Begun in the next microtask, so that what is asked for in the same turn goes together.
      if (waiting.length === 1) {
        queueMicrotask(() => {
          if (loading < loadsAtOnceMax && waiting.length > 0) void run();
        });
      }
    });
}
