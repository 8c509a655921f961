import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { SaleId } from '#schemas/ids.ts';
import { readKeys, verifierKeysOf } from '#shared/audit-keys/key-folder.ts';
import type { Verdict } from '#shared/evidence/evidence.ts';
import { RetryableFault, TerminalFault } from '#shared/faults/faults.ts';
import { verdictJson } from '#shared/evidence/verdict-json.ts';
import { verifyEvidence } from '#shared/evidence/verify-evidence.ts';
import { formatVerifierKey, type VerifierKey } from '#shared/proof/note.ts';
import { type Receipt, verifyReceipt, type VerifiedReceipt } from '#shared/proof/receipt.ts';
import { ApiRefusal, type Call } from '../api-client.ts';
import { openPlace } from '../audit/open-evidence.ts';
import { receiptJson } from '../audit/verify-receipt-command.ts';
import type { Surroundings } from '../stack/surroundings.ts';

/** What an auditor finds, and what one buyer has in hand. */
export interface Proof {
  readonly ok: boolean;
  /** Of the sale's log, every decision made again from the line. */
  readonly log: { readonly kind: 'judged'; readonly verdict: Verdict } | { readonly kind: 'missing'; readonly why: string };
  readonly receipt: ProvenReceipt;
  /** The public key that all of it was checked with: the stack's own, not what its API says. */
  readonly key: string;
}

export type ProvenReceipt =
  | {
      readonly kind: 'checked';
      readonly user: string;
      /** Where it lies now. */
      readonly file: string;
      readonly verified: VerifiedReceipt;
      /** The same receipt, its buyer one place further ahead in the line: it has to be refused. */
      readonly forged: VerifiedReceipt;
    }
  | { readonly kind: 'missing'; readonly why: string };

export interface ProvenSale {
  readonly saleId: string;
  /** In its log. */
  readonly events: number;
  /** A buyer and his reservation. */
  readonly user: string;
  readonly reservationId: string;
  readonly onProgress: (done: number, of: number) => void;
}

/** A checkpoint is signed each second. */
const signedMsMax = 30_000;
const lookEveryMs = 100;

/** Verifies the sale's log and fetches and checks a buyer's receipt. Leaves the receipt in the stack's folder. */
export async function proveSale({ saleId, events, user, reservationId, onProgress }: ProvenSale, around: Surroundings): Promise<Proof> {
  await untilSigned(saleId, events, around.call);
  const trusted = verifierKeysOf(readKeys(around.keysFolder));
  const log = await judged(saleId, trusted, around, onProgress);
  const receipt = await proveReceipt(user, reservationId, trusted, around);
  const ok =
    log.kind === 'judged' &&
    log.verdict.verdict === 'verified' &&
    receipt.kind === 'checked' &&
    receipt.verified.kind === 'valid' &&
    receipt.forged.kind === 'refused' &&
    receipt.forged.verdict === 'tampered';
  return { ok, log, receipt, key: formatVerifierKey(trusted[0]!) };
}

async function judged(
  saleId: string,
  trusted: readonly VerifierKey[],
  around: Surroundings,
  onProgress: ProvenSale['onProgress'],
): Promise<Proof['log']> {
  try {
    const opened = await openPlace({ sale: saleId }, true, () => around);
    if (opened.kind !== 'opened') return { kind: 'missing', why: opened.kind === 'missing' ? opened.why : opened.fault.why };
    try {
      return { kind: 'judged', verdict: await verifyEvidence(opened.evidence, { trusted, onProgress }) };
    } finally {
      await opened.close();
    }
  } catch (error) {
    // All else that the demo found is told all the same.
    if (!(error instanceof RetryableFault || error instanceof TerminalFault)) throw error;
    return { kind: 'missing', why: error.message };
  }
}

/** Gives up silently: the verdict says then what is not signed. */
async function untilSigned(saleId: string, events: number, call: Call): Promise<void> {
  const deadline = performance.now() + signedMsMax;
  while (performance.now() < deadline) {
    try {
      const { body } = await call<{ size: number }>('GET', `/v1/audit/sales/${saleId}/checkpoint`);
      if (body.size >= events) return;
    } catch (error) {
      if (!(error instanceof ApiRefusal)) throw error;
    }
    await pause(lookEveryMs);
  }
}

async function proveReceipt(
  user: string,
  reservationId: string,
  trusted: readonly VerifierKey[],
  { callAs, home }: Surroundings,
): Promise<ProvenReceipt> {
  let receipt: Receipt;
  try {
    receipt = (await callAs(user)<Receipt>('GET', `/v1/reservations/${reservationId}/receipt`)).body;
  } catch (error) {
    if (error instanceof ApiRefusal) return { kind: 'missing', why: error.message };
    throw error;
  }
  const file = join(home, 'demo', `receipt-${reservationId}.json`);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(receipt, null, 2)}\n`);
  return { kind: 'checked', user, file, verified: verifyReceipt(receipt, trusted), forged: verifyReceipt(furtherAhead(receipt), trusted) };
}

function furtherAhead(receipt: Receipt): Receipt {
  const leaf = Buffer.from(receipt.leaf, 'base64')
    .toString()
    .replace(/"offset":(\d+)/, (_, offset: string) => `"offset":${Number(offset) - 1}`);
  return { ...receipt, leaf: Buffer.from(leaf).toString('base64') };
}

/** As it is printed with --json. */
export function proofJson(saleId: SaleId, { ok, log, receipt, key }: Proof): object {
  return {
    ok,
    key,
    log: log.kind === 'judged' ? verdictJson(saleId, log.verdict) : { why: log.why },
    receipt:
      receipt.kind === 'missing'
        ? { why: receipt.why }
        : { user: receipt.user, file: receipt.file, ...receiptJson(receipt.verified), forged: receiptJson(receipt.forged) },
  };
}
