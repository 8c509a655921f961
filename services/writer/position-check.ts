import type { EpochMs } from '#schemas/ids.ts';
import { TerminalFault } from '#shared/faults/faults.ts';
import type { Position } from '#shared/ledger/ledger.ts';
import type { LineReader } from '#shared/line/line.ts';
import { recordSha256 } from '#shared/line/record-sha256.ts';

/** The Kafka cluster must be the one the ledger's offsets belong to. */
export function assertSameCluster(position: Position, clusterId: string): void {
  if (position.clusterId === null || position.clusterId === clusterId) return;
  throw new TerminalFault(
    'other_kafka_cluster',
    `partition ${String(position.partition)}: the ledger's offsets belong to Kafka cluster ${position.clusterId}, connected is ${clusterId}. ` +
      'Point KAFKA_BROKERS at the former cluster, or DATABASE_URL at the ledger of this one, and restart the writer.',
  );
}

/**
 * Whether the line is still the one this position was reached on: the next offset
 * lies within it and the last consumed record is the one that was consumed. Throws
 * TerminalFault where it is not (it would be a guess to go on), RetryableFault
 * where Kafka is away.
 */
export async function checkPosition(
  position: Position,
  line: Pick<LineReader, 'watermarks' | 'fetchOne'>,
  clock: { readonly now: EpochMs; readonly clockAheadMsMax: number },
): Promise<void> {
  const name = `partition ${String(position.partition)} of sale.commands`;
  const next = position.nextOffset;
  const { low, high } = await line.watermarks(position.partition);
  if (next < low) {
    throw new TerminalFault(
      'line_truncated',
      `${name} begins at offset ${String(low)}, the next to decide is ${String(next)}: undecided requests are gone. ` +
        'Restore the topic, or have it decided by a person that they are lost and set next_offset by hand; then restart the writer. The topic needs retention.ms=-1.',
    );
  }
  if (next > high) {
    throw new TerminalFault(
      'line_behind_ledger',
      `${name} ends at offset ${String(high)}, the ledger has decided up to ${String(next)}: the topic was made anew or lost records. ` +
        'Restore the topic, or restore the ledger that belongs to it; then restart the writer.',
    );
  }
  if (position.lastAt > clock.now + clock.clockAheadMsMax) throw clockAhead(name, position.lastAt, clock.now);
  if (next === 0 || position.lastRecordSha256 === null) return;
  const last = await line.fetchOne(position.partition, (next - 1) as typeof next);
  if (last === null) {
    throw new TerminalFault(
      'line_truncated',
      `${name} no longer has the record at offset ${String(next - 1)}, which was decided last: it cannot be checked that this is the same line. ` +
        'Restore the topic (it needs retention.ms=-1); then restart the writer.',
    );
  }
  if (recordSha256(last) !== position.lastRecordSha256) throw differs(name, next - 1);
  if (last.timestamp > clock.now + clock.clockAheadMsMax) throw clockAhead(name, last.timestamp, clock.now);
  // A sale's ticks are the same bytes each time: only their time tells one from another.
  if (last.timestamp > position.lastAt) throw differs(name, next - 1);
}

/** Deciding with a time that has not come would end holds before their deadline. */
export function clockAhead(name: string, brokerMs: EpochMs, nowMs: EpochMs): TerminalFault {
  return new TerminalFault(
    'broker_clock_ahead',
    `${name} has a record whose broker time ${new Date(brokerMs).toISOString()} is more than a minute ahead of this machine's ` +
      `${new Date(nowMs).toISOString()}. Set the clocks right (NTP) on the broker and here; then restart the writer.`,
  );
}

function differs(name: string, offset: number): TerminalFault {
  return new TerminalFault(
    'line_differs',
    `${name} holds another record at offset ${String(offset)} than the one that was decided: the topic was made anew or altered. ` +
      'Restore the topic, or restore the ledger that belongs to it; then restart the writer.',
  );
}
