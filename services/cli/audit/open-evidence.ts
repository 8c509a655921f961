import { SaleId } from '#schemas/ids.ts';
import type { Evidence, EvidenceFault, EvidenceKey } from '#shared/evidence/evidence.ts';
import { openLedgerEvidence } from '#shared/evidence/ledger-evidence.ts';
import { openExport } from '#shared/evidence/read-export.ts';
import { ApiRefusal, type Call } from '../api-client.ts';

/** An export, a directory or one .tar, or a sale of the running system. */
export type EvidencePlace = { readonly path: string } | { readonly sale: string };

/** null unless exactly one is given. */
export function placeOf(path: string | undefined, sale: string | undefined): EvidencePlace | null {
  if (path !== undefined) return sale === undefined ? { path } : null;
  return sale === undefined ? null : { sale };
}

export interface EvidenceSurroundings {
  readonly databaseUrl: string;
  readonly kafkaBrokers: readonly string[];
  readonly auditOrigin: string;
  readonly call: Call;
}

/** `refused`: it can be said already that nothing can be judged. `missing`: there is no such sale. */
export type OpenedPlace =
  | { readonly kind: 'opened'; readonly evidence: Evidence; readonly close: () => Promise<void> }
  | { readonly kind: 'refused'; readonly fault: EvidenceFault }
  | { readonly kind: 'missing'; readonly why: string };

const keysMsMax = 3_000;

/** @param line whether the line is wanted */
export async function openPlace(place: EvidencePlace, line: boolean, surroundings: () => EvidenceSurroundings): Promise<OpenedPlace> {
  if ('path' in place) return openExport(place.path, { line });
  const missing: OpenedPlace = {
    kind: 'missing',
    why: `The ledger knows no sale ${place.sale} of which anything is decided: see \`firstcome sale list\`.`,
  };
  const saleId = SaleId.safeParse(place.sale);
  if (!saleId.success) return missing;
  const { databaseUrl, kafkaBrokers, auditOrigin, call } = surroundings();
  const keys = await keysOfSystem(call);
  const opened = await openLedgerEvidence(saleId.data, {
    databaseUrl,
    kafkaBrokers,
    auditOrigin,
    keys,
    line,
    applicationName: 'firstcome-audit',
  });
  return opened === null ? missing : { kind: 'opened', ...opened };
}

/** None where the audit service is away: what the keys signed can be checked all the same, with keys that are given. */
async function keysOfSystem(call: Call): Promise<readonly EvidenceKey[]> {
  try {
    return (await call<{ keys: readonly EvidenceKey[] }>('GET', '/v1/audit/keys', undefined, { timeoutMs: keysMsMax })).body.keys;
  } catch (error) {
    if (error instanceof ApiRefusal) return [];
    throw error;
  }
}
