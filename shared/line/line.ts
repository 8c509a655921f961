import type { Command } from '#schemas/command.ts';
import type { Event, EventType } from '#schemas/event.ts';
import type { EpochMs, Offset, Partition, SaleId, Seq } from '#schemas/ids.ts';
import type { TerminalFault, RetryableFault } from '#shared/faults/faults.ts';

/**
 * The line as its users see it: put commands on it, read one partition of it.
 * Functions, so that the whole writer can run in memory.
 */

export interface LineRecord {
  readonly offset: Offset;
  /** Broker time (LogAppendTime). */
  readonly timestamp: EpochMs;
  /** Bytes as they stand in the topic; null where a tombstone was written. */
  readonly value: Buffer | null;
}

/** Where an enqueued command stands; it is durable (acks=all) once this is known. */
export interface Place {
  readonly partition: Partition;
  readonly offset: Offset;
}

/** Puts one encoded command on a line. Throws RetryableFault `line_unavailable` within its time limit; the record may then still arrive. */
export type Enqueue = (partition: Partition, value: Buffer) => Promise<Place>;

/** The extent of a partition: first offset kept and next offset to be written. */
export interface Watermarks {
  readonly low: Offset;
  readonly high: Offset;
}

/** Where a part of the line tells what an operator should know. pino's logger fits. */
export interface LineLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** How the enqueuer is doing. `away`: the newest request to Kafka failed or hangs. */
export interface EnqueuerHealth {
  readonly status: 'ready' | 'away';
  readonly recordsWaiting: number;
  /** Since the start. */
  readonly recordsAcked: number;
  readonly recordsFailed: number;
  readonly requests: number;
  /** How long Kafka has been away; 0 where it is not. */
  readonly awayMs: number;
}

/** `createEnqueuer` of enqueue.ts. */
export interface Enqueuer {
  readonly enqueue: Enqueue;
  readonly health: () => EnqueuerHealth;
  /** Sends what waits (bounded by the enqueue time limit), then disconnects. */
  readonly close: () => Promise<void>;
}

/** `createLineReader` of read-line.ts: one consumer over all partitions of a topic, each silent until it is opened. */
export interface LineReader {
  /** Connects and joins its own group; RetryableFault `line_unavailable` where Kafka is away. */
  readonly start: () => Promise<void>;
  /** Records from `fromOffset` on, in order, without hole or repeat. `onRecords` must not throw. */
  readonly open: (partition: Partition, fromOffset: Offset, onRecords: (records: LineRecord[]) => void) => void;
  /** No record of the partition is delivered after it returns. */
  readonly close: (partition: Partition) => void;
  /** Backpressure: nothing is delivered until `resume`; the reader reads a bounded amount ahead meanwhile. */
  readonly pause: (partition: Partition) => void;
  readonly resume: (partition: Partition) => void;
  /** Throws RetryableFault `line_unavailable`. */
  readonly watermarks: (partition: Partition) => Promise<Watermarks>;
  /** Throws RetryableFault `line_unavailable`. */
  readonly clusterId: () => Promise<string>;
  /**
   * The record at that offset of a partition that is not open; null where there is none (any more, or yet).
   * What was read behind it is kept: `open(partition, offset + 1)` goes on from there at once; otherwise call `close`.
   */
  readonly fetchOne: (partition: Partition, offset: Offset) => Promise<LineRecord | null>;
  readonly stop: () => Promise<void>;
}

/** Called at most once: the reader is of no use afterwards. TerminalFault where the topic is not the one that was read before. */
export type OnReaderCrash = (fault: TerminalFault | RetryableFault) => void;

/** What a record's bytes mean; `requestId` where the bytes were JSON enough to have one. */
export type ParsedCommand =
  { readonly ok: true; readonly command: Command } | { readonly ok: false; readonly sha256: string; readonly requestId?: string };

/** `createEventPublisher` of sale-events.ts. */
export interface EventPublisher {
  /**
   * Puts one sale's events, in seq order, on `sale.events`. Resolves once they are durable. RetryableFault `events_unavailable`
   * after its bound: then everything handed in later for the same partition has failed too, and the caller publishes again from the first that failed.
   */
  readonly publish: (
    partition: Partition,
    saleId: SaleId,
    events: readonly { readonly seq: Seq; readonly leaf: string }[],
  ) => Promise<void>;
  /** A new tenure of the partition begins: it publishes from where the ledger says, whatever failed before (another process may have published it since). */
  readonly startOver: (partition: Partition) => void;
  readonly close: () => Promise<void>;
}

/** What one record of `sale.events` covers. */
export interface EventRange {
  readonly saleId: SaleId;
  readonly firstSeq: Seq;
  readonly lastSeq: Seq;
}

/** Events of one record in seq order. RetryableFault: called again with the same events after a pause; anything else stops the consumer. */
export type OnEvents = (partition: Partition, events: readonly Event[], range: EventRange) => Promise<void>;

/** Options of `consumeSaleEvents` of sale-events.ts. */
export interface ConsumeSaleEventsOptions {
  readonly brokers: readonly string[];
  /** As in KafkaAccess: for a way through a proxy. */
  readonly reach?: (address: { readonly host: string; readonly port: number }) => { readonly host: string; readonly port: number };
  readonly groupId: string;
  readonly onEvents: OnEvents;
  /** Called at most once, when the consumer has stopped for good by itself. RetryableFault: consume anew; anything else: exit and start anew. */
  readonly onCrash: (error: Error) => void;
  /** Only these types are validated and delivered; absent: all. A record with none of them is passed over without a call. */
  readonly types?: readonly EventType[];
  /** A leaf whose type begins so and that cannot be read stops its partition instead of being skipped; absent: all are skipped. */
  readonly neverSkipped?: readonly string[];
  readonly log?: LineLog;
  readonly topic?: string;
  /** Default 4: so many partitions are worked on at once. */
  readonly partitionsAtOnceMax?: number;
}

export interface SaleEventsConsumer {
  /** Leaves that could not be parsed, since the start. */
  readonly poisonCount: () => number;
  /** Why a partition is not read on; null where all are. */
  readonly blocked: () => TerminalFault | null;
  /** Waits for the calls of `onEvents` under way, commits, leaves the group. */
  readonly stop: () => Promise<void>;
}
