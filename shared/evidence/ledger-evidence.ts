import type { SaleId } from '#schemas/ids.ts';
import { openPool } from '#shared/ledger/connections.ts';
import { openSaleLog, type SaleLine, type SaleLog } from '#shared/ledger/sale-log.ts';
import { hasRange, RANGE_READ_AHEAD, recordsOfRange } from '#shared/line/line-range.ts';
import type { LineReader } from '#shared/line/line.ts';
import { parseCommand } from '#shared/line/parse-command.ts';
import { createLineReader } from '#shared/line/read-line.ts';
import { originOf } from '#shared/proof/checkpoint.ts';
import { recordOf } from '#shared/replay/replay-sale.ts';
import type { Evidence, EvidenceKey, EvidenceRecord } from './evidence.ts';

export interface LedgerEvidenceOptions {
  readonly databaseUrl: string;
  readonly kafkaBrokers: readonly string[];
  /** Shown by PostgreSQL and Kafka. */
  readonly applicationName: string;
  /** What the origins of all sales' checkpoints begin with. */
  readonly auditOrigin: string;
  readonly keys: readonly EvidenceKey[];
  /** false: the line is not connected to. */
  readonly line: boolean;
}

export interface LedgerEvidence {
  readonly evidence: Evidence;
  readonly close: () => Promise<void>;
}

const connectionsMax = 2;

/**
 * The evidence of a sale of a running system, as it stands now: rows of the ledger, records
 * of the line. null: no such sale, or nothing of it is decided yet. Throws RetryableFault
 * `line_unavailable` or `ledger_unreachable`; so does what is read later.
 */
export async function openLedgerEvidence(saleId: SaleId, options: LedgerEvidenceOptions): Promise<LedgerEvidence | null> {
  const { databaseUrl, kafkaBrokers, applicationName } = options;
  const pool = openPool(databaseUrl, applicationName, connectionsMax);
  const crashed = Promise.withResolvers<never>();
  // Whoever reads the line gets its reason; where nobody does, nobody has to.
  crashed.promise.catch(() => undefined);
  const line = options.line
    ? createLineReader({ brokers: kafkaBrokers, clientId: applicationName, onCrash: crashed.reject, ...RANGE_READ_AHEAD })
    : null;
  const close = async (): Promise<void> => {
    await Promise.all([line?.stop(), pool.end()]);
  };
  try {
    const log = await openSaleLog(pool, saleId);
    if (log === null) {
      await close();
      return null;
    }
    await line?.start();
    const readable = line !== null && log.line !== null && (await hasRange(line, log.line)) ? line : null;
    return { evidence: evidenceOf(log, readable, crashed.promise, options), close };
  } catch (error) {
    await close();
    throw error;
  }
}

function evidenceOf(
  log: SaleLog,
  line: LineReader | null,
  crashed: Promise<never>,
  { auditOrigin, keys }: LedgerEvidenceOptions,
): Evidence {
  return {
    start: {
      saleId: log.saleId,
      origin: originOf(auditOrigin, log.saleId),
      auditedThrough: log.throughSeq,
      head: log.head,
      terms: log.terms,
      status: log.status,
      settled: log.settled,
      line: log.line,
    },
    events: async function* () {
      for await (const page of log.pages()) yield page.map(({ leaf, hash }) => ({ leaf, storedHash: hash }));
    },
    line: () => (line === null || log.line === null ? null : recordsFor(log.saleId, log.line, line, crashed)),
    checkpoints: () => log.checkpoints(),
    keys,
    faults: () => [],
  };
}

async function* recordsFor(
  saleId: SaleId,
  { others, ...range }: SaleLine,
  line: LineReader,
  crashed: Promise<never>,
): AsyncGenerator<readonly EvidenceRecord[]> {
  for await (const records of recordsOfRange(line, range, crashed))
    yield records.map((record) => recordOf(record, parseCommand(record.value), { saleId, others }));
}
