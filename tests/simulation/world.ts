import type { EpochMs, Offset, Partition, RequestKey, SaleId, SaleNo, Seq } from '#schemas/ids.ts';
import type { LineRecord } from '#shared/line/line.ts';
import { emptyBook, type Book } from '#services/gateway-sim/book.ts';
import { createMemoryDatabase, type MemoryDatabase } from '#services/writer/testing/memory-database.ts';
import { createVirtualTime, type VirtualTime } from '#services/writer/testing/virtual-time.ts';
import { chanceAt, createChance, type Chance } from './chance.ts';
import type { CallName, FaultSource, Server } from './faults.ts';
import type { Plan } from './plan.ts';

/** The servers of a run, in memory, and the time and the chance that everything in it obeys. */
export interface World {
  readonly plan: Plan;
  readonly time: VirtualTime;
  readonly chance: Chance;
  readonly faults: FaultSource;
  readonly line: SimLine;
  readonly ledger: MemoryDatabase;
  /** `sale.events`. */
  readonly events: SimEvents;
  /** Redis: notes by key, and who listens for replies. */
  readonly notes: Map<string, string>;
  /** `order_keys`: which sale has a key for orders. */
  readonly orderKeys: Map<RequestKey, SaleNo>;
  readonly channels: Map<string, (channel: string, message: string) => void>;
  /** The payment gateway's. */
  readonly book: Book;
  readonly latency: (call: CallName) => number;
  readonly isAway: (server: Server) => boolean;
  readonly setAway: (server: Server, ms: number) => void;
  /** A clock that jumps: of the broker, or of the ledger. */
  readonly clocks: { broker: number; ledger: number };
  /** What happened, for a reader; costs nothing unless the run is traced. */
  readonly note: (who: string, what: string) => void;
  /** Ends the run: something that must not be. */
  readonly violated: (rule: string, what: string) => void;
  readonly calm: () => void;
}

export interface SimLine {
  readonly records: (partition: Partition) => readonly LineRecord[];
  readonly append: (partition: Partition, value: Buffer | null) => Offset;
  /** Called after each record that is appended. */
  readonly onAppend: (told: (partition: Partition) => void) => () => void;
}

export interface PublishedEvents {
  readonly partition: Partition;
  readonly saleId: SaleId;
  readonly events: readonly { readonly seq: Seq; readonly leaf: string }[];
}

export interface SimEvents {
  readonly records: readonly PublishedEvents[];
  readonly publish: (record: PublishedEvents) => void;
  readonly onPublish: (told: () => void) => () => void;
}

export const WORLD_START_MS = Date.parse('2026-11-27T08:00:00.000Z');

export interface WorldHooks {
  readonly note: World['note'];
  readonly violated: World['violated'];
  readonly published: (record: PublishedEvents) => void;
}

export function createWorld(plan: Plan, faults: FaultSource, hooks: WorldHooks): World {
  const virtual = createVirtualTime(WORLD_START_MS);
  // Clocks show whole milliseconds.
  const time: VirtualTime = { ...virtual, schedule: (ms, run) => virtual.schedule(Math.ceil(ms), run) };
  const clocks = { broker: 0, ledger: 0 };
  const awayUntil = new Map<Server, number>();
  const calls = new Map<CallName, number>();
  let calm = false;
  const topic = new Map<Partition, LineRecord[]>();
  const appendTold = new Set<(partition: Partition) => void>();
  const recordsOf = (partition: Partition): LineRecord[] => {
    let records = topic.get(partition);
    if (records === undefined) topic.set(partition, (records = []));
    return records;
  };
  const published: PublishedEvents[] = [];
  const publishTold = new Set<() => void>();
  return {
    plan,
    time,
    chance: createChance(plan.seed + 1),
    faults,
    clocks,
    ledger: createMemoryDatabase(() => (time.now() + clocks.ledger) as EpochMs),
    line: {
      records: recordsOf,
      append(partition, value) {
        const records = recordsOf(partition);
        const offset = records.length as Offset;
        records.push({ offset, timestamp: (time.now() + clocks.broker) as EpochMs, value });
        for (const tell of appendTold) tell(partition);
        return offset;
      },
      onAppend(told) {
        appendTold.add(told);
        return () => appendTold.delete(told);
      },
    },
    events: {
      records: published,
      publish(record) {
        hooks.published(record);
        published.push(record);
        for (const tell of publishTold) tell();
      },
      onPublish(told) {
        publishTold.add(told);
        return () => publishTold.delete(told);
      },
    },
    notes: new Map(),
    channels: new Map(),
    orderKeys: new Map(),
    book: emptyBook(),
    latency(call) {
      const count = (calls.get(call) ?? 0) + 1;
      calls.set(call, count);
      const drawn = chanceAt(plan.seed, `latency ${call}`, count);
      // Now and then one takes long.
      return calm || drawn > 0.02 ? 1 + Math.floor(drawn * 3) : 20 + Math.floor(drawn * 15_000);
    },
    isAway: (server) => (awayUntil.get(server) ?? 0) > time.now(),
    setAway(server, ms) {
      awayUntil.set(server, Math.max(awayUntil.get(server) ?? 0, time.now() + ms));
    },
    note: hooks.note,
    violated: hooks.violated,
    calm() {
      calm = true;
      awayUntil.clear();
      faults.stop();
      clocks.broker = 0;
      clocks.ledger = 0;
    },
  };
}
