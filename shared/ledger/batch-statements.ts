import type { Partition } from '#schemas/ids.ts';
import type { Statement } from './columns.ts';
import type { Copy } from './copy-rows.ts';
import type { Batch } from './ledger.ts';
import { project } from './project.ts';
import type { BatchRows } from './rows.ts';
import { fence } from './sql/fence.ts';
import { insertEvents } from './sql/insert-events.ts';
import { insertRequests } from './sql/insert-requests.ts';
import { insertItems, insertSales, insertTerms } from './sql/insert-sales.ts';
import { freeLines, updateItems, updateSales } from './sql/update-sales.ts';
import { insertOrders, updateOrders } from './sql/write-orders.ts';
import { insertReservations, updateReservations } from './sql/write-reservations.ts';

/** The statements of a batch, the fence first; tables without rows are left out. */
export function batchStatements(batch: Batch, leaseMs: number): (Statement | Copy)[] {
  return [fence({ ...batch, leaseMs }), ...writes(project(batch), false)];
}

/** All prepared statements a batch may have, without rows. */
export function preparations(): Statement[] {
  const nowhere = { partition: -1 as Partition, epoch: 0, expectedNextOffset: 0, nextOffset: 0, lastAt: 0, lastRecordSha256: null };
  const none = { newSales: [], newTerms: [], newItems: [], sales: [], items: [], settledSales: [], newReservations: [] };
  const rows: BatchRows = { ...none, reservations: [], newOrders: [], orders: [], newRequests: [], newEvents: [] };
  const statements = writes(rows, true).filter((statement): statement is Statement => !('messages' in statement));
  return [...statements, fence({ ...nowhere, publishedOffset: 0, leaseMs: 0 } as Parameters<typeof fence>[0])];
}

function writes(rows: BatchRows, evenWithoutRows: boolean): (Statement | Copy)[] {
  const statements: (Statement | Copy)[] = [];
  const add = <Row>(of: readonly Row[], statement: (of: readonly Row[]) => Statement | Copy): void => {
    if (of.length > 0 || evenWithoutRows) statements.push(statement(of));
  };
  add(rows.newSales, insertSales);
  add(rows.newTerms, insertTerms);
  add(rows.newItems, insertItems);
  add(rows.sales, updateSales);
  add(rows.items, updateItems);
  add(rows.settledSales, freeLines);
  add(rows.newReservations, insertReservations);
  add(rows.reservations, updateReservations);
  add(rows.newOrders, insertOrders);
  add(rows.orders, updateOrders);
  add(rows.newRequests, insertRequests);
  add(rows.newEvents, insertEvents);
  return statements;
}
