/**
 * Makes one call of many: what is handed in while a call is under way goes into the
 * next one, at most `itemsMax` at once. A lone item does not wait, unless `gathering`
 * gives others the time to join it. Where a call fails, all its items fail.
 */
export function gather<Item, Result>(
  itemsMax: number,
  run: (items: readonly Item[]) => Promise<readonly Result[]>,
  gathering?: () => Promise<unknown>,
): (item: Item) => Promise<Result> {
  interface Waiter {
    readonly item: Item;
    readonly resolve: (result: Result) => void;
    readonly reject: (error: unknown) => void;
  }
  let waiting: Waiter[] = [];
  let running = false;

  async function drain(): Promise<void> {
    running = true;
    // Lets everything that became known in this turn of the event loop share the first call.
    await Promise.resolve();
    while (waiting.length > 0) {
      if (gathering !== undefined && waiting.length < itemsMax) await gathering();
      const batch = waiting.slice(0, itemsMax);
      waiting = waiting.slice(itemsMax);
      try {
        const results = await run(batch.map((waiter) => waiter.item));
        batch.forEach((waiter, index) => waiter.resolve(results[index]!));
      } catch (error) {
        for (const waiter of batch) waiter.reject(error);
      }
    }
    running = false;
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (!running) void drain();
    });
}
