import type { EpochMs, SaleNo } from '#schemas/ids.ts';
import { type KeyRing, verifierKeysOf } from '#shared/audit-keys/key-folder.ts';
import { json, type Outcome } from '#shared/http/answer.ts';
import { invalid, problem, type Problem } from '#shared/http/problem.ts';
import { numberAsked } from '#shared/http/query.ts';
import type { Exchange } from '#shared/http/route.ts';
import type { CheckpointRow, LogReads } from '#shared/ledger/log/log-reads.ts';
import { parseCheckpoint } from '#shared/proof/checkpoint.ts';
import { consistencyProof, inclusionProof, tilesForConsistency, tilesForInclusion } from '#shared/proof/tiles.ts';
import { formatVerifierKey } from '#shared/proof/note.ts';
import { utcTime } from '#shared/proof/utc.ts';
import { auditedSale, type AuditedSales } from './sales.ts';
import { whereWhole } from './where-whole.ts';

/** Of what grows: a proof or a checkpoint for a size that is named never changes. */
const NEWEST = { 'cache-control': 'public, max-age=1', vary: 'accept' };
const FOREVER = { 'cache-control': 'public, max-age=86400, immutable' };

const base64 = (hash: Uint8Array): string => Buffer.from(hash).toString('base64');

export function notYetSigned(): Problem {
  return problem('not_yet_signed', 'no signed checkpoint covers this yet; ask again in a second', { headers: { 'retry-after': '1' } });
}

/** Keys, checkpoints and proofs: for everyone, without a token. */
export function createProofHandlers(log: LogReads, sales: AuditedSales, keys: () => KeyRing) {
  /** `GET /v1/audit/keys`. The one that signs now comes first. */
  function listKeys(): Outcome {
    const listed = verifierKeysOf(keys()).map((key) => ({ name: key.name, vkey: formatVerifierKey(key) }));
    return json(200, { keys: listed }, { 'cache-control': 'public, max-age=60' });
  }

  /** `GET /v1/audit/sales/{sale_id}/checkpoint`. */
  async function checkpoint(exchange: Exchange): Promise<Outcome> {
    const { saleNo } = await auditedSale(exchange, sales);
    const newest = await log.newestCheckpoint(saleNo);
    if (newest === null) return notYetSigned();
    const accept = exchange.request.headers.accept ?? '';
    if (!accept.includes('application/json'))
      return { kind: 'answer', status: 200, contentType: 'text/plain; charset=utf-8', body: newest.note, headers: NEWEST };
    return json(200, viewOf(newest), NEWEST);
  }

  /** `GET /v1/audit/sales/{sale_id}/proof/inclusion?seq=&size=`; without a size, that of the newest checkpoint. */
  async function inclusion(exchange: Exchange): Promise<Outcome> {
    const { saleNo } = await auditedSale(exchange, sales);
    const seq = numberAsked(exchange.query, 'seq', 1, Number.MAX_SAFE_INTEGER) ?? invalid('/seq', 'is missing: name the event');
    const asked = numberAsked(exchange.query, 'size', 1, Number.MAX_SAFE_INTEGER);
    const size = asked ?? (await newestSize(saleNo));
    if (size === null) return notYetSigned();
    if (asked !== null) await withinTree(saleNo, '/size', size);
    if (seq > size && asked !== null) invalid('/seq', `is not in a tree of ${size} events`);
    if (seq > size) return seq > (await log.seqOf(saleNo)) ? problem('not_found', `the log has no event ${seq} yet`) : notYetSigned();
    const leafIndex = seq - 1;
    const tile = await log.tiles(saleNo, tilesForInclusion(leafIndex, size));
    const proof = whereWhole(() => inclusionProof(leafIndex, size, tile));
    if (proof === null) return notYetSigned();
    const { hashes } = proof;
    return json(200, { leaf_index: leafIndex, tree_size: size, hashes: hashes.map(base64) }, asked === null ? NEWEST : FOREVER);
  }

  /** `GET /v1/audit/sales/{sale_id}/proof/consistency?from=&to=`; without `to`, the size of the newest checkpoint. */
  async function consistency(exchange: Exchange): Promise<Outcome> {
    const { saleNo } = await auditedSale(exchange, sales);
    const from = numberAsked(exchange.query, 'from', 1, Number.MAX_SAFE_INTEGER) ?? invalid('/from', 'is missing: name the earlier size');
    const asked = numberAsked(exchange.query, 'to', 1, Number.MAX_SAFE_INTEGER);
    const to = asked ?? (await newestSize(saleNo));
    if (to === null) return notYetSigned();
    if (asked !== null) await withinTree(saleNo, '/to', to);
    if (from > to) return invalid('/from', `is more than ${to}: the later tree has the earlier one's events and more`);
    const tile = await log.tiles(saleNo, tilesForConsistency(from, to));
    const proof = whereWhole(() => consistencyProof(from, to, tile));
    if (proof === null) return notYetSigned();
    const { hashes } = proof;
    return json(200, { from, to, hashes: hashes.map(base64) }, asked === null ? NEWEST : FOREVER);
  }

  async function newestSize(saleNo: SaleNo): Promise<number | null> {
    const checkpoint = await log.newestCheckpoint(saleNo);
    // While the tree is made anew it is behind what was signed.
    return checkpoint === null || (await log.treeSize(saleNo)) < checkpoint.size ? null : checkpoint.size;
  }

  /** Refuses (400) a size that the tree has not grown to. */
  async function withinTree(saleNo: SaleNo, pointer: string, size: number): Promise<void> {
    const treeSize = await log.treeSize(saleNo);
    if (size > treeSize) invalid(pointer, `is more than the ${treeSize} events that are in the tree: take the size of a checkpoint`);
  }

  return { listKeys, checkpoint, inclusion, consistency };
}

function viewOf({ note, size, signed_at_ms: signedAt }: CheckpointRow): object {
  const split = note.lastIndexOf('\n\n');
  const checkpoint = parseCheckpoint(note.slice(0, split + 1));
  return {
    origin: checkpoint?.origin ?? null,
    size,
    root: checkpoint === null ? null : base64(checkpoint.root),
    time: utcTime(signedAt as EpochMs),
    note,
  };
}
