import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { EpochMs, SaleId } from '#schemas/ids.ts';
import { RETENTION_YEARS_DEFAULT } from '#schemas/terms.ts';
import { localFile, yearsLater, type Archive, type ArchivedFile, type LocalFile } from '#shared/archive/archive.ts';
import type { EvidenceStart, Verdict } from '#shared/evidence/evidence.ts';
import { RetryableFault, TerminalFault } from '#shared/faults/faults.ts';
import type { SettledSale } from '#shared/ledger/read/settled-sales.ts';

/** A verified export, as far as archiving wants to know it. */
export interface VerifiedExport {
  readonly verdict: Verdict;
  readonly start: Pick<EvidenceStart, 'saleId' | 'settled' | 'head' | 'terms'>;
}

export interface ArchiveSalePorts {
  readonly archive: Archive;
  /** Writes an export of the sale as one .tar; the file does not exist yet. */
  readonly exportTo: (saleId: SaleId, path: string) => Promise<void>;
  readonly verifyExport: (path: string) => Promise<VerifiedExport>;
  /** A folder with space for one export. */
  readonly scratch: string;
  readonly now: () => number;
}

/**
 * `archived`: it was put there now and read back. `was_archived`: it stood there already.
 * `not_verified`: the export did not verify; nothing was stored. `wrong`: what stands in
 * the archive is not what should; `why` says what to do.
 */
export type SaleArchived =
  | { readonly outcome: 'archived' | 'was_archived'; readonly saleId: SaleId; readonly key: string; readonly file: ArchivedFile }
  | { readonly outcome: 'not_verified'; readonly saleId: SaleId; readonly key: string; readonly verdict: Verdict }
  | { readonly outcome: 'wrong'; readonly saleId: SaleId; readonly key: string; readonly why: string };

/** How much less than its years a file may be held: the store's clock and ours. */
const clocksApartMsMax = 86_400_000;

/** A settled sale's log never changes again, so its head names it: what is archived needs no other record than its key. */
export function archiveKey({ saleId, head }: Pick<SettledSale, 'saleId' | 'head'>): string {
  return `${saleId}/${head}.tar`;
}

/** Throws the faults of the archive, and those of ledger and line that pass; see `Archive`. */
export async function archiveSale(sale: SettledSale, ports: ArchiveSalePorts): Promise<SaleArchived> {
  const { archive } = ports;
  const { saleId } = sale;
  const key = archiveKey(sale);
  const standing = (file: ArchivedFile, years: number): SaleArchived => {
    const why = notHeld(file, yearsLater(file.storedAt, years), archive.place, key);
    return why === null ? { outcome: 'was_archived', saleId, key, file } : { outcome: 'wrong', saleId, key, why };
  };

  const before = await archive.head(key);
  if (before !== null) return standing(before, sale.retentionYears ?? RETENTION_YEARS_DEFAULT);

  const path = join(ports.scratch, `${saleId}.tar`);
  try {
    const unfit = await unfitToExport(saleId, path, ports);
    if (unfit !== null) return { outcome: 'wrong', saleId, key, why: unfit };
    // Taken before it is verified: `put` stores these bytes and no others.
    const source = await localFile(path);
    const { verdict, start } = await ports.verifyExport(path);
    if (verdict.verdict !== 'verified') return { outcome: 'not_verified', saleId, key, verdict };
    if (start.saleId !== saleId || !start.settled || start.head.toString('hex') !== sale.head) {
      const why = `The export of ${saleId} is of another state than the ledger's (head ${start.head.toString('hex')} instead of ${sale.head}), and a settled sale does not change: run \`firstcome audit verify --sale ${saleId}\` and find out what did.`;
      return { outcome: 'wrong', saleId, key, why };
    }
    // What was promised counts, as the verified log has it, not what the ledger says of it now.
    const years = start.terms.retention_years ?? RETENTION_YEARS_DEFAULT;
    const retainUntil = wholeSeconds(yearsLater(ports.now() as EpochMs, years));
    const put = await archive.put(key, source, retainUntil);
    const after = await archive.head(key);
    if (after === null) {
      throw new RetryableFault(
        'archive_unavailable',
        `${archive.place} took ${key} and does not know it now: see whether the store is well, then run this again.`,
      );
    }
    // Somebody else was faster, with an export of his own; it is held for the same years.
    if (put === 'exists' && after.sha256 !== source.sha256) return standing(after, years);
    const why = differs(after, source, archive.place, key) ?? notHeld(after, retainUntil, archive.place, key);
    return why === null ? { outcome: 'archived', saleId, key, file: after } : { outcome: 'wrong', saleId, key, why };
  } finally {
    await rm(path, { force: true });
  }
}

/** Why the sale cannot be exported, which is its own affair: those behind it go on. null: it was. */
async function unfitToExport(saleId: SaleId, path: string, { exportTo }: ArchiveSalePorts): Promise<string | null> {
  try {
    await exportTo(saleId, path);
    return null;
  } catch (error) {
    if (!(error instanceof TerminalFault)) throw error;
    return `${saleId} cannot be exported: ${error.message}. Run \`firstcome audit verify --sale ${saleId}\`.`;
  }
}

/** Stores keep whole seconds; a second too long is not a promise broken. */
const wholeSeconds = (ms: EpochMs): EpochMs => (Math.ceil(ms / 1_000) * 1_000) as EpochMs;

function differs(found: ArchivedFile, sent: LocalFile, place: string, key: string): string | null {
  if (found.bytes === sent.bytes && found.sha256 === sent.sha256) return null;
  return (
    `${key} was sent to ${place} with ${sent.bytes} bytes and SHA-256 ${sent.sha256}, and stands there with ${found.bytes} bytes and ${found.sha256 ?? 'none'}: ` +
    `do not rely on that store before its operator has explained it; keep an export elsewhere meanwhile.`
  );
}

function notHeld(found: ArchivedFile, until: EpochMs, place: string, key: string): string | null {
  const day = (ms: EpochMs): string => new Date(ms).toISOString().slice(0, 10);
  if (found.heldBy === 'governance' || found.heldBy === 'nothing') {
    const held =
      found.heldBy === 'nothing'
        ? 'is not held at all, or nothing tells until when (in a directory the .json beside it, in S3 the right s3:GetObjectRetention)'
        : 'is held in governance mode';
    return `${key} in ${place} ${held}: put the object's retention to compliance until ${day(until)}, and find out who stored it so.`;
  }
  if (found.retainUntil !== null && found.retainUntil >= until - clocksApartMsMax) return null;
  const held = found.retainUntil === null ? 'has no date' : `is held until ${day(found.retainUntil)} only`;
  return `${key} in ${place} ${held}: extend the object's retention to ${day(until)}; a retention can be made longer at any time.`;
}
