import { isUtf8 } from 'node:buffer';
import type { StoredEvent } from '#shared/ledger/log/log-reads.ts';

/**
 * One event as auditors get it, as JSON text: the exact bytes of the leaf, its stored
 * hash, and the leaf as it reads. `event` is null where the stored bytes are no JSON any
 * more; the leaf shows what they are.
 *
 * @param saleId named where events of several sales stand together
 */
export function eventJson({ seq, leaf, hash }: StoredEvent, saleId?: string): string {
  const sale = saleId === undefined ? '' : `"sale_id":"${saleId}",`;
  return `{${sale}"seq":${seq},"leaf":"${leaf.toString('base64')}","hash":"${hash.toString('hex')}","event":${readable(leaf)}}`;
}

/** The leaf's own text where it is JSON: canonical, so it has no newline and nothing needs to be written anew. */
function readable(leaf: Buffer): string {
  if (!isUtf8(leaf)) return 'null';
  const text = leaf.toString('utf8');
  try {
    JSON.parse(text);
  } catch {
    return 'null';
  }
  // What someone has put in its place may be spread over lines.
  return /[\n\r]/.test(text) ? JSON.stringify(JSON.parse(text)) : text;
}

/** A list of texts that are JSON each, as one page. */
export function pageJson(items: readonly string[], nextCursor: string | null): string {
  return `{"data":[${items.join(',')}],"next_cursor":${JSON.stringify(nextCursor)}}`;
}
