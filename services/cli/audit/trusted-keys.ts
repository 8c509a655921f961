import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import type { EvidenceKey } from '#shared/evidence/evidence.ts';
import { parseVerifierKey, type VerifierKey } from '#shared/proof/note.ts';

/** As `GET /v1/audit/keys` answers. */
const KeyList = z.object({ keys: z.array(z.object({ vkey: z.string() })) });

export type TrustedKeys =
  { readonly kind: 'keys'; readonly keys: readonly VerifierKey[] } | { readonly kind: 'refused'; readonly why: string };

/**
 * The keys an auditor trusts.
 *
 * @param given each a public key, or a file of them: one a line, or as `GET /v1/audit/keys` answers
 * @param included those that came with the evidence, where they are to be trusted too
 */
export function trustedKeys(given: readonly string[], included: readonly EvidenceKey[]): TrustedKeys {
  const keys: VerifierKey[] = [];
  for (const one of given) {
    const vkeys = keyOf(one) === null ? vkeysIn(one) : [one];
    if (typeof vkeys === 'string') return { kind: 'refused', why: vkeys };
    for (const vkey of vkeys) {
      const key = keyOf(vkey);
      if (key === null)
        return { kind: 'refused', why: `${one} holds "${vkey}", which is no public key: it must look like name+0123abcd+base64.` };
      keys.push(key);
    }
  }
  for (const { vkey } of included) {
    const key = keyOf(vkey);
    if (key !== null) keys.push(key);
  }
  return { kind: 'keys', keys };
}

const keyOf = (vkey: string): VerifierKey | null => parseVerifierKey(vkey.trim());

/** A text says what is wrong with the file. */
function vkeysIn(file: string): readonly string[] | string {
  if (!existsSync(file)) return `${file} is neither a public key nor a file: give name+0123abcd+base64, or a file of such lines.`;
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    return `${file} cannot be read (${(error as Error).message}): give a public key, or a file of them.`;
  }
  if (!text.startsWith('{')) {
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    return lines.length === 0 ? `${file} is empty: it must hold a public key.` : lines;
  }
  try {
    return KeyList.parse(JSON.parse(text)).keys.map(({ vkey }) => vkey);
  } catch {
    return `${file} is JSON and not {"keys": [{"name", "vkey"}]}: give what GET /v1/audit/keys answers.`;
  }
}
