/**
 * Names that were seen lately, in two generations: when the younger has `namesMax / 2`
 * names the older is let go as a whole. A Set that is deleted from name by name would
 * cost far more (docs/decisions/0010).
 */
export interface RecentlySeen {
  has(name: string): boolean;
  add(name: string): void;
  size(): number;
}

export function createRecentlySeen(namesMax: number): RecentlySeen {
  let younger = new Set<string>();
  let older = new Set<string>();
  return {
    has: (name) => younger.has(name) || older.has(name),
    add(name) {
      if (younger.size >= namesMax / 2) {
        older = younger;
        younger = new Set();
      }
      younger.add(name);
    },
    size: () => younger.size + older.size,
  };
}
