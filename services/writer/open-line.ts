import { RetryableFault, type TerminalFault } from '#shared/faults/faults.ts';
import type { LineReader, OnReaderCrash } from '#shared/line/line.ts';

export interface OpenLineOptions {
  /** A new reader, not started. */
  readonly create: (onCrash: OnReaderCrash) => LineReader;
  /** Told each time that Kafka did not answer, before the pause. */
  readonly onAway: (fault: RetryableFault) => void;
  /** The reader that was given back has ended. */
  readonly onCrash: OnReaderCrash;
  /** True: give up. */
  readonly stopping: () => boolean;
  readonly pause: () => Promise<void>;
}

export interface OpenedLine {
  readonly reader: LineReader;
  readonly clusterId: string;
}

/**
 * A reader that has started, and the cluster it reads; waits for Kafka as long as it takes,
 * also where it goes away again in between. null where the process stops meanwhile.
 */
export async function openLine({ create, onAway, onCrash, stopping, pause }: OpenLineOptions): Promise<OpenedLine | null> {
  while (!stopping()) {
    let handedOver = false;
    let ended: TerminalFault | RetryableFault | undefined = undefined as TerminalFault | RetryableFault | undefined;
    const reader = create((fault) => {
      if (handedOver) onCrash(fault);
      else ended = fault;
    });
    try {
      await reader.start();
      const clusterId = await reader.clusterId();
      if (ended !== undefined) throw ended;
      handedOver = true;
      return { reader, clusterId };
    } catch (error) {
      await reader.stop();
      if (!(error instanceof RetryableFault)) throw error;
      onAway(error);
      await pause();
    }
  }
  return null;
}
