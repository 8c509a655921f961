import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SaleId } from '#schemas/ids.ts';
import type { Archive } from '#shared/archive/archive.ts';
import { archiveUrlForms, parseArchiveUrl } from '#shared/archive/archive-url.ts';
import { VERDICT_EXIT_CODES, VERDICTS } from '#shared/evidence/evidence.ts';
import { RetryableFault, TerminalFault } from '#shared/faults/faults.ts';
import type { SettledSale, SettledSales } from '#shared/ledger/read/settled-sales.ts';
import { print, type Output } from '../output.ts';
import { formatNumber, table } from '../table.ts';
import { archiveSale, type ArchiveSalePorts, type SaleArchived, type VerifiedExport } from './archive-sale.ts';

export interface ArchiveTrust {
  /** Files or vkeys, as given with --key. */
  readonly keys: readonly string[];
  readonly includedKeys: boolean;
}

export interface ArchiveDependencies {
  readonly openSales: () => { readonly sales: SettledSales; readonly close: () => Promise<void> };
  readonly exportTo: ArchiveSalePorts['exportTo'];
  readonly verifyExport: (path: string, trust: ArchiveTrust) => Promise<VerifiedExport>;
  readonly openArchive: (url: string) => Promise<Archive>;
  /** ARCHIVE_URL. */
  readonly archiveUrl: () => string | undefined;
  readonly output: () => Output;
  readonly tell: (line: string) => void;
  readonly now: () => number;
}

export interface ArchiveFlags {
  readonly sale?: string;
  readonly settled?: boolean;
  readonly to?: string;
  readonly key: readonly string[];
  readonly trustIncludedKeys?: boolean;
  readonly scratch: string;
}

/**
 * Archives what the flags ask for, tells how it went, and returns the exit code: that of
 * the worst verdict where an export does not verify, 1 where something else is wrong, 2
 * where it was called wrongly, 0 where every sale asked for is in the archive.
 */
export async function archiveSales(flags: ArchiveFlags, dependencies: ArchiveDependencies): Promise<number> {
  const { output, tell } = dependencies;
  const url = flags.to ?? dependencies.archiveUrl();
  const misused = misuseOf(flags, url);
  if (misused !== null) {
    tell(misused);
    return 2;
  }
  try {
    const archived = await archiveAll(flags, url!, dependencies);
    if (typeof archived === 'number') return archived;
    print(output(), archived.map(answerOf), () => archivedText(archived));
    return exitCodeOf(archived);
  } catch (error) {
    if (!(error instanceof RetryableFault || error instanceof TerminalFault)) throw error;
    tell(error.message);
    return 1;
  }
}

function misuseOf({ sale, settled }: ArchiveFlags, url: string | undefined): string | null {
  if ((sale === undefined) === (settled !== true)) return 'Give either --sale ID or --settled: see `firstcome audit archive --help`.';
  if (sale !== undefined && !SaleId.safeParse(sale).success) return `${sale} is no sale: see \`firstcome sale list\`.`;
  if (url !== undefined) return misfitOf(url);
  return `Say where the archive is: set ARCHIVE_URL or give --to, ${archiveUrlForms}.`;
}

function misfitOf(url: string): string | null {
  try {
    parseArchiveUrl(url);
    return null;
  } catch (error) {
    if (error instanceof TerminalFault) return error.message;
    throw error;
  }
}

/** An exit code: there is no such sale to archive, and that has been told. */
async function archiveAll(flags: ArchiveFlags, url: string, dependencies: ArchiveDependencies): Promise<readonly SaleArchived[] | number> {
  const { tell } = dependencies;
  const archive = await dependencies.openArchive(url);
  const { sales, close } = dependencies.openSales();
  let scratch: string | null = null;
  try {
    scratch = await scratchIn(flags.scratch);
    const wanted = flags.sale === undefined ? sales.all() : await oneSale(SaleId.parse(flags.sale), sales, tell);
    if (typeof wanted === 'number') return wanted;
    await archive.check();
    const trust = { keys: flags.key, includedKeys: flags.trustIncludedKeys === true };
    const ports: ArchiveSalePorts = { ...dependencies, archive, scratch, verifyExport: (path) => dependencies.verifyExport(path, trust) };
    const archived: SaleArchived[] = [];
    for await (const sale of wanted) {
      const one = await archiveSale(sale, ports);
      tell(`${sale.saleId}: ${lineOf(one)}`);
      archived.push(one);
    }
    return archived;
  } finally {
    await Promise.all([close(), scratch === null ? null : rm(scratch, { recursive: true, force: true })]);
    archive.close();
  }
}

async function scratchIn(folder: string): Promise<string> {
  try {
    return await mkdtemp(join(folder, 'firstcome-archive-'));
  } catch (error) {
    throw new TerminalFault('scratch_unusable', `${folder} cannot be written to (${String(error)}): give a folder with --scratch`, {
      cause: error,
    });
  }
}

async function oneSale(saleId: SaleId, sales: SettledSales, tell: (line: string) => void): Promise<readonly SettledSale[] | 1> {
  const sale = await sales.byId(saleId);
  if (typeof sale === 'object') return [sale];
  tell(
    sale === 'unknown'
      ? `The ledger knows no sale ${saleId} of which anything is decided: see \`firstcome sale list\`.`
      : `Sale ${saleId} is not settled: it is open, or a hold, a payment or a refund of it is not over. Close it, wait for those (\`firstcome sale report ${saleId}\` lists them), then run this again.`,
  );
  return 1;
}

function lineOf(one: SaleArchived): string {
  switch (one.outcome) {
    case 'archived':
      return `archived, ${formatNumber(one.file.bytes)} bytes, held until ${dayOf(one.file.retainUntil)}`;
    case 'was_archived':
      return `was archived before, held until ${dayOf(one.file.retainUntil)}`;
    case 'not_verified':
      return `NOT archived: ${one.verdict.verdict} (${one.verdict.code}). ${one.verdict.why}`;
    case 'wrong':
      return `WRONG: ${one.why}`;
  }
}

const dayOf = (ms: number | null): string => (ms === null ? 'never' : new Date(ms).toISOString().slice(0, 10));

/** As --json tells it. */
function answerOf(one: SaleArchived): object {
  const { saleId: sale_id, outcome, key } = one;
  if (outcome === 'not_verified') {
    const { verdict, code, seq, why } = one.verdict;
    return { sale_id, outcome, key, verdict, code, seq, why };
  }
  if (outcome === 'wrong') return { sale_id, outcome, key, why: one.why };
  const { bytes, sha256, retainUntil, heldBy } = one.file;
  return {
    sale_id,
    outcome,
    key,
    bytes,
    sha256,
    retain_until: retainUntil === null ? null : new Date(retainUntil).toISOString(),
    held_by: heldBy,
  };
}

function archivedText(archived: readonly SaleArchived[]): string {
  if (archived.length === 0) return 'No sale is settled yet.';
  const many = (outcome: SaleArchived['outcome']): number => archived.filter((one) => one.outcome === outcome).length;
  return table(
    ['archived', 'archived before', 'not verified', 'wrong'],
    [[many('archived'), many('was_archived'), many('not_verified'), many('wrong')]],
  );
}

function exitCodeOf(archived: readonly SaleArchived[]): number {
  const verdicts = new Set(archived.flatMap((one) => (one.outcome === 'not_verified' ? [one.verdict.verdict] : [])));
  const worst = VERDICTS.find((verdict) => verdicts.has(verdict));
  if (worst !== undefined) return VERDICT_EXIT_CODES[worst];
  return archived.some(({ outcome }) => outcome === 'wrong') ? 1 : 0;
}
