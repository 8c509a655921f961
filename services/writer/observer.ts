import type { EpochMs, Epoch, Partition } from '#schemas/ids.ts';

/** What stands beside the logic and counts. The default does nothing. */
export interface Observer {
  /** A batch was committed: what it decided, by outcome (an event's type, with its reason where it was a refusal). */
  readonly committed: (batch: {
    readonly partition: Partition;
    readonly records: number;
    readonly outcomes: ReadonlyMap<string, number>;
    readonly commitMs: number;
  }) => void;
  readonly tookOver: (partition: Partition, epoch: Epoch, at: EpochMs) => void;
  readonly ended: (partition: Partition, how: 'lost' | 'reload' | 'halted' | 'stopped') => void;
  /** A record that could not be decided anywhere was passed. */
  readonly passed: (partition: Partition) => void;
}

const nothing = (): void => undefined;

export const SILENT_OBSERVER: Observer = { committed: nothing, tookOver: nothing, ended: nothing, passed: nothing };
