import { relative } from 'node:path';
import { SaleId } from '#schemas/ids.ts';
import type { LatencySummary } from '#shared/load/latency.ts';
import type { Availability, Report } from '../sale/sale-calls.ts';
import { invariantsText } from '../sale/sale-text.ts';
import { formatNumber, pairs, table } from '../table.ts';
import type { CrowdTally } from './crowd.ts';
import { type Proof, proofJson, type ProvenReceipt } from './prove-sale.ts';
import type { Check } from './reconcile.ts';
import type { Takeover } from './takeover.ts';

export interface DemoOptions {
  readonly units: number;
  readonly buyers: number;
  /** Arrivals per second. */
  readonly rate: number;
  readonly waitlist: number;
  readonly holdSeconds: number;
  readonly paymentSeconds: number;
  /** Kill the writer halfway. */
  readonly kill: boolean;
  /** From the last arrival until everything must have ended. */
  readonly settleSeconds: number;
}

export interface DemoResult {
  readonly saleId: string;
  /** Nothing is off. */
  readonly ok: boolean;
  /** All holds and orders had ended within the bound. */
  readonly settled: boolean;
  readonly arrivalSeconds: number;
  readonly totalSeconds: number;
  readonly tally: Omit<CrowdTally, 'refused' | 'unexpected' | 'retryReasons'> & {
    readonly refused: Readonly<Record<string, number>>;
    readonly unexpected: Readonly<Record<string, number>>;
    readonly retryReasons: Readonly<Record<string, number>>;
  };
  readonly latency: LatencySummary;
  readonly takeover: Takeover | null;
  readonly checks: readonly Check[];
  readonly report: Report;
  readonly availability: Availability;
  readonly charges: { readonly captured: number; readonly refunded: number };
  readonly proof: Proof;
}

/** As it is printed with --json. */
export function demoJson(result: DemoResult): object {
  return { ...result, proof: proofJson(SaleId.parse(result.saleId), result.proof) };
}

/** The reconciliation for people. */
export function demoText(result: DemoResult): string {
  const { tally, latency, takeover, report } = result;
  const counts = (of: Readonly<Record<string, number>>): string =>
    Object.entries(of)
      .map(([name, n]) => `${name} ${formatNumber(n)}`)
      .join(', ') || 'none';
  const ms = (value: number): string => `${value.toFixed(1)} ms`;
  const item = report.items[0];
  const off = result.checks.filter((check) => !check.ok);
  return [
    heading('What buyers were told'),
    pairs([
      ['arrived', tally.arrived],
      ['held', tally.held],
      ['waitlisted', `${formatNumber(tally.waitlisted)}, of whom ${formatNumber(tally.offered)} were offered a unit that came back`],
      ['refused', counts(tally.refused)],
      ['learnt too late', `${formatNumber(tally.learntTooLate)} (held while told queued, gone before they looked)`],
      ['no decision', tally.gaveUp],
      ['let their hold expire', tally.abandoned],
      ['orders', `${formatNumber(tally.ordersPlaced)}: ${formatNumber(tally.paid)} paid, ${formatNumber(tally.declined)} failed`],
      ['sent again', `${formatNumber(tally.retries)} (${counts(tally.retryReasons)})`],
      ['unexpected', counts(tally.unexpected)],
      [
        'latency',
        `p50 ${ms(latency.p50Ms)}, p95 ${ms(latency.p95Ms)}, p99 ${ms(latency.p99Ms)}, max ${ms(latency.maxMs)}; from the intended start, retries and the takeover included`,
      ],
      ['takeover', takeoverText(takeover)],
    ]),
    heading('What the ledger says'),
    pairs([
      [
        'units',
        item === undefined
          ? '-'
          : `${formatNumber(item.total)} in total, ${formatNumber(item.sold)} sold, ${formatNumber(item.held)} held, ${formatNumber(item.total - item.sold - item.held)} available`,
      ],
      ['reservations', counts(report.reservations_by_status)],
      ['events in the log', report.events],
      ['gateway charges', `${formatNumber(result.charges.captured)} captured, ${formatNumber(result.charges.refunded)} given back`],
    ]),
    heading('Compared'),
    table(
      ['', 'check', 'expected', 'found'],
      result.checks.map((check) => [check.ok ? 'ok' : 'OFF', check.what, check.expected, check.found]),
    ),
    ...off.flatMap((check) => check.examples.map((example) => `  ${check.what}: ${example}`)),
    heading('Invariants, as the report finds them'),
    invariantsText(report),
    heading('Verified, as an auditor and a buyer do'),
    proofText(result.saleId, result.proof),
    '',
    `${result.ok ? 'Everything adds up and is proven' : result.settled ? 'NOT everything adds up' : 'The sale did not settle in time'}: ` +
      `${formatNumber(tally.arrived)} requests in ${result.arrivalSeconds.toFixed(1)} s, all done after ${result.totalSeconds.toFixed(1)} s. Sale ${result.saleId}.`,
  ].join('\n');
}

function heading(text: string): string {
  return `\n${text}\n${'-'.repeat(text.length)}`;
}

function proofText(saleId: string, { log, receipt, key }: Proof): string {
  // The stack may not be where the command looks for one by itself.
  const elsewhere = ['FIRSTCOME_HOME', 'PORT_OFFSET']
    .filter((name) => process.env[name] !== undefined)
    .map((name) => `${name}=${process.env[name]} `)
    .join('');
  return [
    pairs([...logFacts(log), ...receiptFacts(receipt)]),
    '',
    'Check it yourself:',
    `  ${elsewhere}npx firstcome audit verify --sale ${saleId} --key ${key}`,
    ...(receipt.kind === 'checked' ? [`  npx firstcome audit verify-receipt ${relative(process.cwd(), receipt.file)} --key ${key}`] : []),
  ].join('\n');
}

function logFacts(log: Proof['log']): [string, string][] {
  if (log.kind === 'missing') return [['log', `NOT VERIFIED: ${log.why}`]];
  const { verdict, why, events, signedThrough, checkpoints, replayed, seconds } = log.verdict;
  const n = formatNumber;
  return [
    ['log', `${n(events)} events${replayed ? ', each decided again from the line' : ''}, in ${seconds.toFixed(1)} s`],
    ['signed', `${n(signedThrough)} events, by ${n(checkpoints)} checkpoints`],
    ['verdict', `${verdict.toUpperCase()}${verdict === 'verified' ? '' : `: ${why}`}`],
  ];
}

function receiptFacts(receipt: ProvenReceipt): [string, string][] {
  if (receipt.kind === 'missing') return [['receipt', `MISSING: ${receipt.why}`]];
  const { user, verified, forged } = receipt;
  const said =
    verified.kind === 'refused'
      ? `${verified.verdict.toUpperCase()} (${verified.fault})`
      : `VERIFIED: ${user} was answered ${verified.event.type} at offset ${formatNumber(verified.event.offset)} of the line, seq ${formatNumber(verified.event.seq)}`;
  return [
    ['receipt', said],
    [
      'forged',
      forged.kind === 'refused'
        ? `${forged.verdict.toUpperCase()} (${forged.fault}): the same receipt, one place further ahead in the line`
        : 'NOT FOUND OUT: the same receipt, one place further ahead in the line',
    ],
  ];
}

function takeoverText(takeover: Takeover | null): string {
  if (takeover === null) return 'not asked for';
  if (takeover.decidedMs === null) return `${takeover.killed} was killed and nobody took over`;
  return `${takeover.killed} was killed; the line had another owner after ${takeover.ownedMs!.toFixed(0)} ms, its first decision after ${takeover.decidedMs.toFixed(0)} ms`;
}
