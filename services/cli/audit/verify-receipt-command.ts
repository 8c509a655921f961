import { readFileSync, statSync } from 'node:fs';
import { Command } from 'commander';
import { VERDICT_EXIT_CODES } from '#shared/evidence/evidence.ts';
import { verifyReceipt, type VerifiedReceipt } from '#shared/proof/receipt.ts';
import { print, type Output } from '../output.ts';
import { formatNumber, pairs } from '../table.ts';
import { trustedKeys } from './trusted-keys.ts';

/** A receipt is a few kilobytes. */
const receiptBytesMax = 1024 * 1024;

/** `firstcome audit verify-receipt`: offline, what a buyer's receipt proves. */
export function verifyReceiptCommand(output: () => Output): Command {
  return new Command('verify-receipt')
    .description("check a buyer's receipt, offline; exit code 0 verified, 10 tampered, 13 unverifiable")
    .argument('<file>', 'the receipt, as GET /v1/reservations/{id}/receipt answered it')
    .option(
      '--key <file or vkey>',
      'a public key whose signatures count; may be repeated',
      (one: string, all: string[]) => [...all, one],
      [],
    )
    .action((file: string, { key }: { key: string[] }, command: Command) => {
      const trusted = trustedKeys(key, []);
      if (trusted.kind === 'refused') return command.error(`error: ${trusted.why}`);
      let text;
      try {
        // What is longer is none, and is not read to say so.
        text = statSync(file).size > receiptBytesMax ? '' : readFileSync(file, 'utf8');
      } catch {
        return command.error(`error: ${file} cannot be read: give the file that holds the receipt`);
      }
      const verified = verifyReceipt(parsed(text), trusted.keys);
      const verdict = verified.kind === 'valid' ? 'verified' : verified.verdict;
      print(output(), receiptJson(verified), () => receiptText(verified));
      process.exitCode = VERDICT_EXIT_CODES[verdict];
    });
}

/** undefined, which is no receipt, where it is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** As it is printed with --json. */
export function receiptJson(verified: VerifiedReceipt): object {
  if (verified.kind === 'refused') return { verdict: verified.verdict, code: verified.fault, why: verified.why };
  const { event, checkpoint } = verified;
  return {
    verdict: 'verified',
    code: 'verified',
    event,
    checkpoint: { origin: checkpoint.origin, size: checkpoint.size, root: checkpoint.root.toString('base64') },
  };
}

function receiptText(verified: VerifiedReceipt): string {
  if (verified.kind === 'refused') {
    const why = verified.why.charAt(0).toUpperCase() + verified.why.slice(1);
    return `verdict  ${verified.verdict.toUpperCase()} (${verified.fault})\n\n${why}.`;
  }
  const { event, checkpoint } = verified;
  const facts = pairs([
    ['sale', event.sale_id],
    ['reservation', 'reservation_id' in event ? event.reservation_id : null],
    ['decision', 'reason' in event ? `${event.type}: ${event.reason}` : event.type],
    ['items', 'items' in event ? (event.items ?? []).map(({ sku, quantity }) => `${formatNumber(quantity)} of ${sku}`).join(', ') : null],
    ['held until', 'expires_at' in event ? event.expires_at : null],
    ['seq', event.seq],
    ['decided at', event.at],
    ['asked at', 'accepted_at' in event ? event.accepted_at : null],
    ['place in line', `offset ${formatNumber(event.offset)}`],
    ['buyer', 'user' in event ? `${event.user ?? '-'} (pseudonym)` : null],
    ['log', `${checkpoint.origin}, ${formatNumber(checkpoint.size)} events when it was signed`],
    ['verdict', 'VERIFIED'],
  ]);
  return `${facts}\n\nA trusted key signed that this decision stands at this place of the log.`;
}
