import { setTimeout as pause } from 'node:timers/promises';
import type { EvidenceKey } from '#shared/evidence/evidence.ts';
import { openLedgerEvidence } from '#shared/evidence/ledger-evidence.ts';
import { verdictJson, verdictOfFault } from '#shared/evidence/verdict-json.ts';
import { verifyEvidence } from '#shared/evidence/verify-evidence.ts';
import { TransitionRequest } from '#schemas/http.ts';
import type { SaleId } from '#schemas/ids.ts';
import { RetryableFault, TerminalFault } from '#shared/faults/faults.ts';
import type { Outcome, Streamed } from '#shared/http/answer.ts';
import { problem } from '#shared/http/problem.ts';
import type { Exchange } from '#shared/http/route.ts';
import { validated } from '#shared/http/validate.ts';
import { formatVerifierKey, type VerifierKey } from '#shared/proof/note.ts';
import type { GuardRead } from './guard-files.ts';
import { auditedSale, type AuditedSales } from './sales.ts';

/** How far a verification has got, in events. */
export type TellProgress = (done: number, of: number) => void;

/** The verdict as the last line of the answer. Throws the signal's reason where nobody waits for it any more. */
export type VerifySale = (saleId: SaleId, tell: TellProgress, signal: AbortSignal) => Promise<object>;

/** One is under way, the others wait for it. */
const admittedMax = 5;
const retryAfterSeconds = 10;
/** The client hears something at least so often, and its going away is noticed as soon. */
const tellEveryMs = 1_000;

const NDJSON = 'application/x-ndjson';

/**
 * `POST /v1/audit/sales/{sale_id}/verify`: the whole check, as lines `{"progress":{"done","of"}}`
 * and the verdict with its invariants as the last. One at a time in a process, because it decides
 * a whole sale again; a few wait, more are refused (503).
 */
export function createVerifyHandler(sales: AuditedSales, verify: VerifySale): (exchange: Exchange) => Promise<Outcome | Streamed> {
  /** Ends when everybody who came before has had his turn. */
  let turn: Promise<unknown> = Promise.resolve();
  /** Under way, or waiting for that. */
  let admitted = 0;

  async function* verifying(saleId: SaleId): AsyncGenerator<string> {
    const gone = new AbortController();
    let progress = { done: 0, of: 0 };
    let over = false;
    const verdict = turn.then(async () => {
      gone.signal.throwIfAborted();
      return await verify(saleId, (done, of) => (progress = { done, of }), gone.signal);
    });
    const ended = verdict.then(
      () => (over = true),
      () => (over = true),
    );
    turn = ended;
    admitted += 1;
    try {
      while (!over) {
        yield `${JSON.stringify({ progress })}\n`;
        await Promise.race([ended, pause(tellEveryMs, undefined, { ref: false })]);
      }
      yield `${JSON.stringify(await verdict)}\n`;
    } finally {
      gone.abort(new Error('nobody waits for the verdict any more'));
      admitted -= 1;
    }
  }

  return async (exchange) => {
    const { saleId } = await auditedSale(exchange, sales);
    validated(TransitionRequest, exchange.body);
    if (admitted >= admittedMax) {
      return problem('verification_busy', `${admitted} verifications are under way or wait`, {
        headers: { 'retry-after': String(retryAfterSeconds) },
      });
    }
    return {
      kind: 'stream',
      status: 200,
      contentType: NDJSON,
      headers: { 'cache-control': 'private, no-store' },
      chunks: verifying(saleId),
    };
  };
}

export interface VerifySaleOptions {
  readonly databaseUrl: string;
  readonly kafkaBrokers: readonly string[];
  readonly auditOrigin: string;
  /** All that ever signed here. */
  readonly keys: () => readonly VerifierKey[];
  /** What was signed last, as it is remembered outside the ledger. */
  readonly lastSigned: (saleId: SaleId) => Promise<GuardRead>;
}

/** Verifies from the ledger and the line of the running system; what was signed last is held against it as an auditor would his own copy. */
export function createVerifySale({ databaseUrl, kafkaBrokers, auditOrigin, keys, lastSigned }: VerifySaleOptions): VerifySale {
  return async (saleId, tell, signal) => {
    const trusted = keys();
    const published: EvidenceKey[] = trusted.map((key) => ({ name: key.name, vkey: formatVerifierKey(key) }));
    try {
      // Before the ledger is looked at: it is never behind what was signed.
      const remembered = await lastSigned(saleId);
      const opened = await openLedgerEvidence(saleId, {
        databaseUrl,
        kafkaBrokers,
        auditOrigin,
        keys: published,
        line: true,
        applicationName: 'audit-verify',
      });
      if (opened === null) throw new RetryableFault('ledger_unavailable', `sale ${saleId} is not there any more: ask again`);
      try {
        const brought = remembered.kind === 'read' ? [remembered.guard.note] : [];
        const verdict = await verifyEvidence(opened.evidence, { trusted, brought, onProgress: tell, signal });
        if (verdict.verdict !== 'verified' || remembered.kind !== 'unreadable') return verdictJson(saleId, verdict);
        const why = `${verdict.why} But what was signed last cannot be read in AUDIT_STATE_DIR (${remembered.why}), so that a restored backup would not show.`;
        return verdictJson(saleId, { ...verdict, verdict: 'unverifiable', code: 'guard_unreadable', why });
      } finally {
        await opened.close();
      }
    } catch (error) {
      if (!(error instanceof RetryableFault || error instanceof TerminalFault)) throw error;
      return verdictJson(saleId, verdictOfFault({ verdict: 'unverifiable', code: error.code, why: error.message }));
    }
  };
}
