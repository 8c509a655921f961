import { Command } from 'commander';
import { openArchive } from '#shared/archive/open-archive.ts';
import { exportEvidence } from '#shared/evidence/export-files.ts';
import { openExport } from '#shared/evidence/read-export.ts';
import { verifyEvidence } from '#shared/evidence/verify-evidence.ts';
import { TerminalFault } from '#shared/faults/faults.ts';
import { openReads } from '#shared/ledger/read/reads.ts';
import { createSettledSales } from '#shared/ledger/read/settled-sales.ts';
import type { Output } from '../output.ts';
import { archiveCommand } from './archive-command.ts';
import type { ArchiveDependencies } from './archive-sales.ts';
import { eraseUserCommand, type EraseUserSurroundings } from './erase-user-command.ts';
import { exportCommand } from './export-command.ts';
import { type EvidenceSurroundings, openPlace } from './open-evidence.ts';
import { reportCommand } from './report-command.ts';
import { trustedKeys } from './trusted-keys.ts';
import { verifyCommand } from './verify-command.ts';
import { verifyReceiptCommand } from './verify-receipt-command.ts';

export interface AuditSurroundings extends EvidenceSurroundings, EraseUserSurroundings {
  /** ARCHIVE_URL. */
  readonly archiveUrl: string | undefined;
}

const connectionsMax = 1;

/** `firstcome audit ...`: what anyone needs to check a sale, and what keeps it checkable. */
export function auditCommand(surroundings: () => AuditSurroundings, output: () => Output, tell: (line: string) => void): Command {
  const audit = new Command('audit').description('check a sale, take its evidence home, keep it');
  audit.addCommand(verifyCommand(surroundings, output, tell));
  audit.addCommand(verifyReceiptCommand(output));
  audit.addCommand(exportCommand(surroundings, output, tell));
  audit.addCommand(
    reportCommand({
      open: async (place) => {
        // The figures come from the log; whether the line leads to it is verify's business.
        const opened = await openPlace(place, false, surroundings);
        if (opened.kind === 'opened') return opened;
        return opened.kind === 'missing' ? opened.why : opened.fault.why;
      },
      output,
      tell,
      now: () => new Date(),
    }),
  );
  audit.addCommand(archiveCommand(archiveDependencies(surroundings, output, tell)));
  audit.addCommand(eraseUserCommand(surroundings, output, tell));
  return audit;
}

function archiveDependencies(
  surroundings: () => AuditSurroundings,
  output: () => Output,
  tell: (line: string) => void,
): ArchiveDependencies {
  return {
    openSales: () => {
      const { databaseUrl } = surroundings();
      const reads = openReads({ databaseUrl, applicationName: 'firstcome-audit', connectionsMax, onFault: () => undefined });
      return { sales: createSettledSales(reads), close: () => reads.close() };
    },
    exportTo: async (saleId, path) => {
      const opened = await openPlace({ sale: saleId }, true, surroundings);
      if (opened.kind !== 'opened') throw new TerminalFault('sale_missing', opened.kind === 'missing' ? opened.why : opened.fault.why);
      try {
        await exportEvidence(opened.evidence, { path, createdAt: new Date() });
      } finally {
        await opened.close();
      }
    },
    verifyExport: async (path, { keys, includedKeys }) => {
      const opened = await openExport(path, { line: true });
      if (opened.kind === 'refused') throw new TerminalFault(opened.fault.code, opened.fault.why);
      try {
        const { evidence } = opened;
        const trusted = trustedKeys(keys, includedKeys ? evidence.keys : []);
        if (trusted.kind === 'refused') throw new TerminalFault('key_unreadable', trusted.why);
        return { verdict: await verifyEvidence(evidence, { trusted: trusted.keys }), start: evidence.start };
      } finally {
        await opened.close();
      }
    },
    openArchive,
    archiveUrl: () => surroundings().archiveUrl,
    output,
    tell,
    now: Date.now,
  };
}
