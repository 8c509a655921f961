import type { Fingerprint, OrderId, RequestKey, ReservationId, SaleId, SaleNo } from '#schemas/ids.ts';
import type { Reads, Statement } from '#shared/ledger/read/reads.ts';
import type { SimProcess } from './process.ts';
import type { World } from './world.ts';

/** What the statements of the HTTP edge would find: by their names, in the tables of the ledger in memory. */
export function createReads(world: World, process: SimProcess): Reads {
  const { ledger } = world;
  const saleIdOf = ledger.saleIdOf;

  const answers: Record<string, (values: readonly unknown[]) => readonly object[]> = {
    reservations_by_id: ([ids]) =>
      (ids as ReservationId[]).flatMap((id) => {
        const row = ledger.reservations.get(id);
        if (row === undefined) return [];
        return [
          {
            id: row.id,
            sale_id: saleIdOf(row.saleNo),
            user_ref: row.user,
            status: row.status,
            reason: row.reason,
            items: row.items,
            not_granted: row.notGranted,
            expires_at_ms: row.expiresAt,
            command_offset: row.commandOffset,
            seq: row.seq,
            created_at_ms: row.createdAt,
          },
        ];
      }),
    orders_by_id: ([ids]) =>
      (ids as OrderId[]).flatMap((id) => {
        const row = ledger.orders.get(id);
        if (row === undefined) return [];
        return [
          {
            id: row.id,
            sale_id: saleIdOf(row.saleNo),
            reservation_id: row.reservationId,
            user_ref: row.user,
            status: row.status,
            failure_reason: row.failureReason,
            amount: row.amount,
            currency: row.currency,
            seq: row.seq,
            created_at_ms: row.createdAt,
          },
        ];
      }),
    sale_cards: ([ids]) =>
      (ids as SaleId[]).flatMap((saleId) => {
        const line = ledger.lines.get(saleId);
        const terms = line === undefined ? undefined : ledger.terms.get(line.saleNo);
        if (line === undefined || terms === undefined) return [];
        return [{ sale_id: saleId, sale_no: line.saleNo, partition: line.partition, terms: terms.terms, created_at_ms: terms.createdAt }];
      }),
    next_offsets: () => Array.from(ledger.partitions, ([partition, { nextOffset }]) => ({ partition, next_offset: nextOffset })),
    decisions_by_key: ([reservations, orders, requests]) => [
      ...(reservations as ReservationId[]).flatMap((key) => decision(key, ledger.reservations.get(key))),
      ...(orders as OrderId[]).flatMap((key) => decision(key, ledger.orders.get(key))),
      ...(requests as RequestKey[]).flatMap((key) => {
        const row = ledger.requests.get(key);
        return decision(key, row === undefined ? undefined : { ...row, decidedSeq: row.seq });
      }),
    ],
    leaves: ([saleNos, seqs]) =>
      (saleNos as SaleNo[]).flatMap((sale_no, index) => {
        const seq = (seqs as number[])[index]!;
        const event = ledger.logOf(sale_no)[seq - 1];
        return event === undefined ? [] : [{ sale_no, seq, leaf: event.leaf }];
      }),
    claim_order_keys: ([keys, saleNos]) =>
      (keys as RequestKey[]).flatMap((key, index) => {
        if (world.orderKeys.has(key)) return [];
        const sale_no = (saleNos as SaleNo[])[index]!;
        world.orderKeys.set(key, sale_no);
        return [{ key, sale_no }];
      }),
    claimed_order_keys: ([keys]) =>
      (keys as RequestKey[]).flatMap((key) => {
        const sale_no = world.orderKeys.get(key);
        return sale_no === undefined ? [] : [{ key, sale_no }];
      }),
    sale_by_id: ([id]) => {
      const line = ledger.lines.get(id as SaleId);
      const sale = line === undefined ? undefined : ledger.sales.get(line.saleNo);
      const terms = line === undefined ? undefined : ledger.terms.get(line.saleNo);
      if (line === undefined || sale === undefined || terms === undefined) return [];
      const items = [...ledger.items.values()].filter(({ saleNo }) => saleNo === line.saleNo).sort((a, b) => a.position - b.position);
      return [
        {
          sale_no: line.saleNo,
          sale_id: id,
          status: sale.status,
          seq: sale.seq,
          terms: terms.terms,
          created_at_ms: terms.createdAt,
          items,
        },
      ];
    },
  };

  function decision(
    key: string,
    row: { readonly saleNo: SaleNo; readonly fingerprint: Fingerprint; readonly decidedSeq: number } | undefined,
  ): object[] {
    const event = row === undefined ? undefined : ledger.logOf(row.saleNo)[row.decidedSeq - 1];
    return row === undefined || event === undefined ? [] : [{ key, fingerprint: row.fingerprint, leaf: event.leaf }];
  }

  return {
    rows<Row>(statement: Statement, values: readonly unknown[]): Promise<Row[]> {
      const answer = answers[statement.name];
      if (answer === undefined)
        throw new Error(`the simulation does not know the statement ${statement.name}: add it to tests/simulation/reads.ts`);
      return process.call('api read', 'ledger', () => answer(values) as Row[]);
    },
    beat: null,
    inOneMoment: () => Promise.reject(new Error('nobody asks for a report in the simulation')),
    isUp: () => !world.isAway('ledger'),
    whyDown: () => '',
    close: () => Promise.resolve(),
  };
}
