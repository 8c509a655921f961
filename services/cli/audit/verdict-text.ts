import type { SaleId } from '#schemas/ids.ts';
import type { Verdict } from '#shared/evidence/evidence.ts';
import { formatNumber, pairs, table } from '../table.ts';

/** A verdict for a person: the facts, the verdict, what was looked at. */
export function verdictText(saleId: SaleId | null, source: string, verdict: Verdict): string {
  const { events, checkpoints, signedThrough, replayed, seq, seconds, code } = verdict;
  const n = formatNumber;
  const facts = pairs([
    ['sale', saleId],
    ['evidence', source],
    ['events', `${n(events)} are as they must be${replayed ? ', each decided again from the line' : ''}`],
    ['signed', `${n(signedThrough)} events, by ${n(checkpoints)} checkpoints of trusted keys`],
    ['took', `${seconds.toFixed(1)} s`],
    [
      'verdict',
      `${verdict.verdict.toUpperCase()}${code === verdict.verdict ? '' : ` (${code})`}${seq === null ? '' : `, first at seq ${n(seq)}`}`,
    ],
  ]);
  const invariants = verdict.invariants.map(({ id, holds, checked, detail }) => [
    id,
    checked ? (holds ? 'holds' : 'VIOLATED') : 'not checked',
    detail,
  ]);
  const looked = invariants.length === 0 ? [] : ['', table(['invariant', 'result', 'what was looked at'], invariants)];
  return [facts, '', verdict.why, ...looked].join('\n');
}
