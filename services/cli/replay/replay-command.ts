import { Command } from 'commander';
import { SaleId } from '#schemas/ids.ts';
import { openPool } from '#shared/ledger/connections.ts';
import { openSaleLog } from '#shared/ledger/sale-log.ts';
import { createLineReader } from '#shared/line/read-line.ts';
import { print, type Output } from '../output.ts';
import { formatNumber, pairs } from '../table.ts';
import { replay, type ReplayResult } from './replay.ts';

export interface ReplaySurroundings {
  readonly databaseUrl: string;
  readonly kafkaBrokers: readonly string[];
}

const connectionsMax = 1;
/** Without a terminal this is the pace of lines, so that a log is not flooded. */
const tellEveryMs = 2_000;

/** `firstcome replay`: whether the ledger says what the line leads to. */
export function replayCommand(surroundings: () => ReplaySurroundings, output: () => Output, tell: (line: string) => void): Command {
  return new Command('replay')
    .description('decide a sale again from its line and compare it with the ledger, event for event; exit code 1 where they differ')
    .requiredOption('--sale <id>', 'the sale')
    .action(async ({ sale }: { sale: string }) => {
      const result = await replayOf(sale, surroundings(), tell);
      if (result === null) {
        tell(`The ledger knows no sale ${sale} of which anything is decided: see \`firstcome sale list\`.`);
        process.exitCode = 2;
        return;
      }
      print(output(), result, () => replayText(result));
      if (result.difference !== null) process.exitCode = 1;
    });
}

async function replayOf(sale: string, around: ReplaySurroundings, tell: (line: string) => void): Promise<ReplayResult | null> {
  const id = SaleId.safeParse(sale);
  if (!id.success) return null;
  const pool = openPool(around.databaseUrl, 'firstcome-replay', connectionsMax);
  const crashed = Promise.withResolvers<never>();
  // Whoever reads the line gets its reason; where nobody does, nobody has to.
  crashed.promise.catch(() => undefined);
  const line = createLineReader({ brokers: around.kafkaBrokers, clientId: 'firstcome-replay', onCrash: crashed.reject });
  try {
    const log = await openSaleLog(pool, id.data);
    if (log === null) return null;
    await line.start();
    let toldAt = performance.now();
    const onProgress = (same: number): void => {
      if (performance.now() - toldAt < tellEveryMs) return;
      toldAt = performance.now();
      tell(`replayed ${formatNumber(same)} of ${formatNumber(log.throughSeq)} events, all the same so far`);
    };
    return await replay(log, line, crashed.promise, onProgress);
  } finally {
    await Promise.all([line.stop(), pool.end()]);
  }
}

function replayText(result: ReplayResult): string {
  const { difference } = result;
  const facts = pairs([
    ['sale', result.saleId],
    [
      'line',
      result.partition === null
        ? '-'
        : `partition ${result.partition}, ${formatNumber(result.records)} records from offset ${result.fromOffset}`,
    ],
    ['events', `${formatNumber(result.same)} of ${formatNumber(result.events)} are the same, byte for byte`],
  ]);
  if (difference === null) return `${facts}\n\nThe ledger says what the line leads to.`;
  return [
    facts,
    '',
    `seq ${difference.seq} differs:`,
    `  replayed  ${difference.replayed === null ? 'the line leads to no such event' : `${difference.replayed.hash}  ${difference.replayed.leaf}`}`,
    `  ledger    ${difference.ledger === null ? 'no such event' : `${difference.ledger.hash}  ${difference.ledger.leaf}`}`,
    '',
    'Keep both as they are: docs/OPERATIONS.md ("Whether the ledger says what the line led to") says how to find out which was altered.',
  ].join('\n');
}
