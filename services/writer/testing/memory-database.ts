import type { Epoch, EpochMs, Offset, Partition, SaleId, SaleNo, Seq, Sku } from '#schemas/ids.ts';
import { assert } from '#shared/faults/assert.ts';
import type { Batch, CommitOutcome, LoadedSale, Lookup, OutboxEvent, Position, SaleHead, TakeOverOutcome } from '#shared/ledger/ledger.ts';
import { project } from '#shared/ledger/project.ts';
import type {
  EventRow,
  ItemRow,
  OrderChange,
  OrderRow,
  RequestRow,
  ReservationChange,
  ReservationRow,
  SaleRow,
  TermsRow,
} from '#shared/ledger/rows.ts';
import type { SealedEvent } from '#shared/proof/seal.ts';
import type { EarlierDecision, Known } from '#shared/sale/snapshot.ts';

type Live<T> = { -readonly [K in keyof T]: T[K] };

interface PartitionRow extends Live<Omit<Position, 'partition'>> {
  owner: string | null;
  leaseUntil: number;
}

const leafPageEvents = 7;

/** The ledger's tables in memory, each call atomic: what the writer's tests need of PostgreSQL. */
export function createMemoryDatabase(now: () => EpochMs) {
  const partitions = new Map<Partition, PartitionRow>();
  const lines = new Map<SaleId, { readonly saleNo: SaleNo; readonly partition: Partition }>();
  const terms = new Map<SaleNo, TermsRow>();
  const sales = new Map<SaleNo, SaleRow>();
  const items = new Map<string, Live<ItemRow>>();
  const reservations = new Map<string, Live<ReservationRow>>();
  const orders = new Map<string, Live<OrderRow>>();
  const requests = new Map<string, RequestRow>();
  const events: EventRow[] = [];
  const logs = new Map<SaleNo, SealedEvent[]>();
  const saleIds = new Map<SaleNo, SaleId>();
  /** Whose line is another's since. */
  const settledOnce = new Set<SaleNo>();
  const saleIdOf = (saleNo: SaleNo): SaleId => {
    const saleId = saleIds.get(saleNo);
    assert(saleId !== undefined, `sale ${String(saleNo)} has a line`);
    return saleId;
  };

  function load(partition: Partition, saleId: SaleId): LoadedSale | { kind: 'unborn'; saleNo: SaleNo } | null {
    const line = lines.get(saleId);
    if (line?.partition !== partition) return null;
    const { saleNo } = line;
    const sale = sales.get(saleNo);
    const promised = terms.get(saleNo)?.terms;
    if (sale === undefined || promised === undefined) return { kind: 'unborn', saleNo };
    const own = [...reservations.values()].filter((reservation) => reservation.saleNo === saleNo);
    const bought = new Map<string, number>();
    for (const { user, status, items: granted } of own)
      // Of a settled sale nobody asks it any more.
      if (status === 'confirmed' && promised.per_user_limit !== null && !sale.settled)
        bought.set(user, (bought.get(user) ?? 0) + granted.reduce((sum, { quantity }) => sum + quantity, 0));
    return {
      kind: 'loaded',
      saleNo,
      head: sale.head,
      wasSettled: settledOnce.has(saleNo),
      snapshot: {
        saleId,
        terms: promised,
        status: sale.status,
        seq: sale.seq,
        items: [...items.values()]
          .filter((item) => item.saleNo === saleNo)
          .sort((a, b) => a.position - b.position)
          // As they are now, whenever the answer arrives.
          .map((item) => ({ ...item })),
        live: own.flatMap((reservation) =>
          reservation.status === 'held' || reservation.status === 'waitlisted' || reservation.status === 'paying'
            ? [{ ...reservation, status: reservation.status }]
            : [],
        ),
        orders: [...orders.values()].flatMap((order) =>
          order.saleNo === saleNo &&
          (order.status === 'pending' || order.status === 'refunding' || (order.status === 'failed' && !order.paymentSettled))
            ? [{ ...order, status: order.status, items: reservations.get(order.reservationId)?.items ?? [] }]
            : [],
        ),
        bought: [...bought].map(([user, units]) => ({ user: user as ReservationRow['user'], units })),
      },
    };
  }

  /** As the UPDATEs of sql/: what is null stays as it is, but for a reservation's reason; what was once true stays so. */
  function changeReservation({ id, items: granted, notGranted, expiresAt, extended, ...always }: ReservationChange): void {
    const row = reservations.get(id);
    assert(row !== undefined, 'a reservation that changes is there');
    Object.assign(row, always, {
      items: granted ?? row.items,
      notGranted: notGranted ?? row.notGranted,
      expiresAt: expiresAt ?? row.expiresAt,
      extended: row.extended || extended,
    });
  }

  function changeOrder({ id, status, failureReason, paymentSettled, seq }: OrderChange): void {
    const row = orders.get(id);
    assert(row !== undefined, 'an order that changes is there');
    Object.assign(row, {
      status: status ?? row.status,
      failureReason: failureReason ?? row.failureReason,
      paymentSettled: row.paymentSettled || paymentSettled,
      seq,
    });
  }

  return {
    events,
    partitions,
    lines,
    terms,
    sales,
    items,
    reservations,
    orders,
    requests,
    saleIdOf,
    logOf: (saleNo: SaleNo): readonly SealedEvent[] => logs.get(saleNo) ?? [],
    /** What POST /v1/sales writes before it puts `sale.schedule` on the line. */
    createLine(saleId: SaleId, partition: Partition): SaleNo {
      const saleNo = (lines.size + 1) as SaleNo;
      lines.set(saleId, { saleNo, partition });
      saleIds.set(saleNo, saleId);
      return saleNo;
    },
    eventsOf: (saleId: SaleId): readonly SealedEvent[] => logs.get(lines.get(saleId)?.saleNo ?? (0 as SaleNo)) ?? [],
    takeOver(partition: Partition, owner: string, leaseMs: number, clusterId: string): TakeOverOutcome {
      const row = partitions.get(partition);
      if (row !== undefined && row.owner !== null && row.owner !== owner && row.leaseUntil > now())
        return { kind: 'leased_to_another', owner: row.owner };
      const taken: PartitionRow = {
        epoch: ((row?.epoch ?? 0) + 1) as Epoch,
        nextOffset: row?.nextOffset ?? (0 as Offset),
        lastAt: row?.lastAt ?? (0 as EpochMs),
        lastRecordSha256: row?.lastRecordSha256 ?? null,
        publishedOffset: row?.publishedOffset ?? (0 as Offset),
        clusterId: row?.clusterId ?? clusterId,
        owner,
        leaseUntil: now() + leaseMs,
      };
      partitions.set(partition, taken);
      const { epoch, nextOffset, lastAt, lastRecordSha256, publishedOffset } = taken;
      return {
        kind: 'taken',
        position: { partition, epoch, nextOffset, lastAt, lastRecordSha256, publishedOffset, clusterId: taken.clusterId },
      };
    },
    takeable: (wanted: readonly Partition[], owner: string) =>
      wanted.filter((partition) => {
        const row = partitions.get(partition);
        return row === undefined || row.owner === null || row.owner === owner || row.leaseUntil <= now();
      }),
    renew(owned: readonly { partition: Partition; epoch: Epoch }[], leaseMs: number): Partition[] {
      return owned.flatMap(({ partition, epoch }) => {
        const row = partitions.get(partition);
        if (row?.epoch !== epoch) return [];
        row.leaseUntil = now() + leaseMs;
        return [partition];
      });
    },
    release(owned: readonly { partition: Partition; epoch: Epoch }[]): void {
      for (const { partition, epoch } of owned) {
        const row = partitions.get(partition);
        if (row?.epoch === epoch) Object.assign(row, { owner: null, leaseUntil: 0 });
      }
    },
    unsettled: (wanted: readonly Partition[]): SaleHead[] =>
      [...sales.values()].flatMap(({ saleNo, seq, head }) => {
        const saleId = saleIdOf(saleNo);
        const partition = lines.get(saleId)?.partition;
        return settledOnce.has(saleNo) || partition === undefined || !wanted.includes(partition)
          ? []
          : [{ partition, saleNo, saleId, seq, head }];
      }),
    /** Pages of a few events, so that following takes several. */
    leavesAfter: (saleNo: SaleNo, afterSeq: Seq | 0, throughSeq: Seq): string[] =>
      events
        .filter(({ saleNo: of, sealed }) => of === saleNo && sealed.event.seq > afterSeq && sealed.event.seq <= throughSeq)
        .slice(0, leafPageEvents)
        .map(({ sealed }) => sealed.leaf),
    load,
    lookUp(lookup: Lookup): Known {
      const decisions: EarlierDecision[] = [];
      for (const key of [...lookup.reservationKeys, ...lookup.orderKeys, ...lookup.requestKeys]) {
        const row = reservations.get(key) ?? orders.get(key);
        const request = requests.get(key);
        if (row !== undefined) decisions.push({ key, fingerprint: row.fingerprint, seq: row.decidedSeq });
        else if (request !== undefined) decisions.push({ key, fingerprint: request.fingerprint, seq: request.seq });
      }
      return {
        decisions,
        // Of another sale's is known nothing.
        reservations: lookup.reservations
          .flatMap((id) => reservations.get(id) ?? [])
          .filter(({ saleNo }) => saleNo === lookup.saleNo)
          .map(({ id, user, status }) => ({ id, user, status })),
        orders: lookup.orders
          .flatMap((id) => orders.get(id) ?? [])
          .filter(({ saleNo }) => saleNo === lookup.saleNo)
          .map(({ id, status, reservationId, user, amount, currency }) => ({ id, status, reservationId, user, amount, currency })),
      };
    },
    commit(batch: Batch): CommitOutcome {
      const row = partitions.get(batch.partition);
      if (row?.epoch !== batch.epoch || row.nextOffset !== batch.expectedNextOffset) return { kind: 'fenced' };
      const { nextOffset, lastAt, lastRecordSha256 } = batch;
      Object.assign(row, { nextOffset, lastAt, lastRecordSha256, publishedOffset: Math.max(row.publishedOffset, batch.publishedOffset) });
      const rows = project(batch);
      for (const row of rows.newTerms) terms.set(row.saleNo, row);
      for (const { saleNo, seq, eventsCount, headBefore } of rows.sales) {
        const stands = sales.get(saleNo);
        assert(stands?.seq === seq - eventsCount, 'the row of a sale stands right before its new events');
        assert(stands.head === headBefore, 'the new events of a sale are chained on the head of its row');
      }
      for (const sale of [...rows.newSales, ...rows.sales]) {
        sales.set(sale.saleNo, sale);
        if (sale.settled) settledOnce.add(sale.saleNo);
      }
      for (const item of rows.newItems) items.set(`${String(item.saleNo)}/${item.sku}`, { ...item });
      for (const item of rows.items) {
        assert(item.held >= 0 && item.sold >= 0 && item.held + item.sold <= item.total, 'items_never_oversold');
        const row = items.get(`${String(item.saleNo)}/${item.sku}`);
        assert(row !== undefined, 'an item that changes is there');
        Object.assign(row, item);
      }
      for (const reservation of rows.newReservations) insert(reservations, reservation.id, { ...reservation });
      for (const change of rows.reservations) changeReservation(change);
      for (const order of rows.newOrders) insert(orders, order.id, { ...order });
      for (const change of rows.orders) changeOrder(change);
      for (const request of rows.newRequests) insert(requests, request.key, request);
      for (const event of rows.newEvents) {
        let log = logs.get(event.saleNo);
        if (log === undefined) logs.set(event.saleNo, (log = []));
        assert(event.sealed.event.seq === log.length + 1, 'a seq is given once, in order');
        log.push(event.sealed);
        events.push(event);
      }
      return { kind: 'committed' };
    },
    unpublished: (partition: Partition, fromOffset: Offset): OutboxEvent[] =>
      events
        .filter(({ saleNo, sealed }) => lines.get(saleIdOf(saleNo))?.partition === partition && sealed.event.offset >= fromOffset)
        .map(({ saleNo, sealed }) => ({
          saleId: saleIdOf(saleNo),
          seq: sealed.event.seq,
          offset: sealed.event.offset,
          leaf: sealed.leaf,
        })),
    itemOf: (saleNo: SaleNo, sku: Sku) => items.get(`${String(saleNo)}/${sku}`),
  };
}

export type MemoryDatabase = ReturnType<typeof createMemoryDatabase>;

function insert<T>(table: Map<string, T>, key: string, row: T): void {
  assert(!table.has(key), `duplicate key ${key}`);
  table.set(key, row);
}
