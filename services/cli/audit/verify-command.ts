import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { type Evidence, type Verdict, VERDICT_EXIT_CODES } from '#shared/evidence/evidence.ts';
import { verdictJson, verdictOfFault } from '#shared/evidence/verdict-json.ts';
import { verifyEvidence } from '#shared/evidence/verify-evidence.ts';
import { print, type Output } from '../output.ts';
import { type EvidenceSurroundings, openPlace, placeOf } from './open-evidence.ts';
import { createProgressBar } from './progress-bar.ts';
import { trustedKeys } from './trusted-keys.ts';
import { verdictText } from './verdict-text.ts';

interface Flags {
  readonly sale?: string;
  readonly key: string[];
  readonly checkpoint: string[];
  readonly trustIncludedKeys?: boolean;
  readonly replay: boolean;
}

const several = (one: string, all: string[]): string[] => [...all, one];

/** `firstcome audit verify`: whether a sale's log is what was decided and what was signed. */
export function verifyCommand(surroundings: () => EvidenceSurroundings, output: () => Output, tell: (line: string) => void): Command {
  return new Command('verify')
    .description(
      'check a sale: every decision made again, the chain, the tree, the signatures, the invariants; exit code 0 verified, 10 tampered, 11 truncated, 12 forked, 13 unverifiable',
    )
    .argument('[path]', 'an export: folder or .tar')
    .option('--sale <id>', 'a sale of the running system, instead of an export')
    .option('--key <file or vkey>', 'a public key whose signatures count; may be repeated', several, [])
    .option('--checkpoint <file>', 'a checkpoint you kept, or a receipt; may be repeated', several, [])
    .option('--trust-included-keys', 'let the keys that come with the evidence count: whoever altered it could have put them there')
    .option('--no-replay', 'do not decide again from the line: form, chain, tree and signatures only')
    .action(async (path: string | undefined, flags: Flags, command: Command) => {
      const place = placeOf(path, flags.sale);
      if (place === null) return command.error('error: give either the path of an export or --sale ID');
      const brought = notesIn(flags.checkpoint);
      if (typeof brought === 'string') return command.error(`error: ${brought}`);
      const given = trustedKeys(flags.key, []);
      if (given.kind === 'refused') return command.error(`error: ${given.why}`);

      const opened = await openPlace(place, flags.replay, surroundings);
      if (opened.kind === 'missing') {
        tell(opened.why);
        process.exitCode = 1;
        return;
      }
      const source = 'path' in place ? place.path : 'the running system';
      const answer = (evidence: Evidence | null, verdict: Verdict): void => {
        const saleId = evidence?.start.saleId ?? null;
        print(output(), verdictJson(saleId, verdict), () => verdictText(saleId, source, verdict));
        process.exitCode = VERDICT_EXIT_CODES[verdict.verdict];
      };
      if (opened.kind === 'refused') return answer(null, verdictOfFault(opened.fault));
      const { evidence } = opened;
      const progress = createProgressBar('verified', process.stderr, tell);
      try {
        const trusted = trustedKeys(flags.key, flags.trustIncludedKeys === true ? evidence.keys : []);
        if (trusted.kind === 'refused') return command.error(`error: ${trusted.why}`);
        const verdict = await verifyEvidence(evidence, {
          trusted: trusted.keys,
          brought,
          replay: flags.replay,
          onProgress: progress.update,
        });
        progress.stop();
        answer(evidence, verdict);
      } finally {
        progress.stop();
        await opened.close();
      }
    });
}

/** Notes as they are, and those of receipts; a text says which file cannot be read. */
function notesIn(files: readonly string[]): string[] | string {
  const notes: string[] = [];
  for (const file of files) {
    let text;
    try {
      text = readFileSync(file, 'utf8');
    } catch {
      return `${file} cannot be read: give a file that holds a checkpoint or a receipt`;
    }
    notes.push(noteOf(text));
  }
  return notes;
}

/** Of a receipt, or of a checkpoint asked for as JSON, its note. */
function noteOf(text: string): string {
  if (!text.startsWith('{')) return text;
  try {
    const { note } = JSON.parse(text) as { note?: unknown };
    return typeof note === 'string' ? note : text;
  } catch {
    return text;
  }
}
