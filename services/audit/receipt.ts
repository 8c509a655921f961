import type { ReservationId } from '#schemas/ids.ts';
import { json, type Outcome } from '#shared/http/answer.ts';
import { problem } from '#shared/http/problem.ts';
import { callerOf, param, type Exchange } from '#shared/http/route.ts';
import type { LogReads } from '#shared/ledger/log/log-reads.ts';
import { isUuid } from '#shared/ledger/read/reservations.ts';
import { inclusionProof, tilesForInclusion } from '#shared/proof/tiles.ts';
import { notYetSigned } from './proofs.ts';
import { whereWhole } from './where-whole.ts';

const PRIVATE = { 'cache-control': 'private, no-store' };

/**
 * `GET /v1/reservations/{id}/receipt`: the event that answered the buyer's request, and the proof that it stands in the
 * log that is signed. Another's is not there.
 */
export function createReceiptHandler(log: LogReads): (exchange: Exchange) => Promise<Outcome> {
  return async (exchange) => {
    const { ref } = callerOf(exchange);
    const id = param(exchange, 'id');
    const decision = isUuid(id) ? await log.decisionOf(id as ReservationId) : null;
    if (decision?.user_ref !== ref) return problem('not_found', 'there is no such reservation that is decided');
    const { sale_no: saleNo, seq, leaf } = decision;
    const checkpoint = await log.newestCheckpoint(saleNo);
    if (checkpoint === null || checkpoint.size < seq || (await log.treeSize(saleNo)) < checkpoint.size) return notYetSigned();
    const leafIndex = seq - 1;
    const tile = await log.tiles(saleNo, tilesForInclusion(leafIndex, checkpoint.size));
    const proof = whereWhole(() => inclusionProof(leafIndex, checkpoint.size, tile));
    if (proof === null) return notYetSigned();
    return json(
      200,
      {
        reservation_id: id,
        seq,
        leaf: leaf.toString('base64'),
        leaf_index: leafIndex,
        tree_size: checkpoint.size,
        hashes: proof.hashes.map((one) => Buffer.from(one).toString('base64')),
        note: checkpoint.note,
      },
      PRIVATE,
    );
  };
}
