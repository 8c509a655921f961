import { createHash } from 'node:crypto';
import { Command } from '#schemas/command.ts';
import type { DecidedEvent, Event } from '#schemas/event.ts';
import type { Offset, Partition, SaleId } from '#schemas/ids.ts';
import type { LineRecord } from '#shared/line/line.ts';
import { NaiveSale, type Told } from '#shared/sale/testing/naive-sale.ts';
import { shown } from '#shared/sale/testing/shown.ts';

/**
 * What the line means, worked out a second time by code that shares nothing with the
 * writer: its own reading of records, its own idea of time, the naive sale for the rules,
 * its own chain of hashes. Each committed batch is held against it.
 */
export interface Oracle {
  /** Takes the line on to `nextOffset`; gives what does not agree, in words. */
  readonly check: (
    records: readonly LineRecord[],
    nextOffset: Offset,
    logOf: (saleId: SaleId) => readonly { readonly leaf: string }[],
  ) => string[];
  /** Leaves that were checked. */
  readonly checked: () => number;
}

interface Followed {
  readonly naive: NaiveSale;
  wasSettled: boolean;
  /** Leaves taken in. */
  leaves: number;
  head: string;
}

const NO_HASH = '0'.repeat(64);

/** @param partitionOf the line a sale was given; undefined: it has none */
export function createOracle(partition: Partition, partitionOf: (saleId: SaleId) => Partition | undefined): Oracle {
  const sales = new Map<SaleId, Followed>();
  let next = 0;
  let at = 0;
  let checked = 0;

  /** What the record says happened, by sale. null: it belongs to none and is passed. */
  function meaningOf(record: LineRecord): { readonly saleId: SaleId; readonly told: Told } | null {
    const bytes = record.value ?? Buffer.alloc(0);
    const command = read(bytes);
    if (command !== null && partitionOf(command.sale_id) === partition) {
      const own = sales.get(command.sale_id);
      if (own !== undefined) return { saleId: command.sale_id, told: own.naive.take(at, command) };
      if (command.type === 'sale.schedule') {
        const isOpen = Date.parse(command.terms.starts_at) <= at;
        const naive = new NaiveSale(command.terms, Infinity, isOpen ? 'open' : 'scheduled', command);
        sales.set(command.sale_id, { naive, wasSettled: false, leaves: 0, head: NO_HASH });
        const scheduled = `sale.scheduled by ${command.key}`;
        return { saleId: command.sale_id, told: isOpen ? [scheduled, 'sale.opened'] : [scheduled] };
      }
    }
    const active = [...sales].findLast(([, { wasSettled }]) => !wasSettled);
    if (active === undefined) return null;
    return { saleId: active[0], told: active[1].naive.takeMalformed(at, createHash('sha256').update(bytes).digest('hex')) };
  }

  return {
    checked: () => checked,
    check(records, nextOffset, logOf) {
      const wrong: string[] = [];
      for (; next < nextOffset; next++) {
        const record = records[next];
        if (record === undefined) return [...wrong, `offset ${String(next)} was decided and does not exist`];
        at = Math.max(at, record.timestamp);
        const meaning = meaningOf(record);
        if (meaning === null || 'repeated' in meaning.told) continue;
        const sale = sales.get(meaning.saleId)!;
        sale.wasSettled ||= sale.naive.isSettled();
        const log = logOf(meaning.saleId);
        for (const expected of meaning.told) {
          const leaf = log[sale.leaves]?.leaf;
          const place = `sale ${meaning.saleId}, seq ${String(sale.leaves + 1)}, offset ${String(next)}`;
          if (leaf === undefined) {
            wrong.push(`${place}: expected "${expected}", there is no such event`);
            break;
          }
          const event = JSON.parse(leaf) as Event;
          const actual = shown(inMs(event));
          if (actual !== expected) wrong.push(`${place}: expected "${expected}", decided was "${actual}"`);
          if (event.seq !== sale.leaves + 1) wrong.push(`${place}: the event says seq ${String(event.seq)}`);
          if (event.offset !== next) wrong.push(`${place}: the event says offset ${String(event.offset)}`);
          if (Date.parse(event.at) !== at) wrong.push(`${place}: the event is of ${event.at}, its record of ${new Date(at).toISOString()}`);
          if (event.prev !== sale.head) wrong.push(`${place}: the chain is broken`);
          sale.head = createHash('sha256').update('\0').update(leaf).digest('hex');
          sale.leaves += 1;
          checked += 1;
        }
      }
      for (const [saleId, { leaves }] of sales)
        if (logOf(saleId).length > leaves)
          wrong.push(`sale ${saleId}: ${String(logOf(saleId).length - leaves)} events more than its line means`);
      return wrong;
    },
  };
}

/** Reads a record as the contract says, by the schema and nothing else. */
function read(bytes: Buffer): Command | null {
  try {
    const parsed = Command.safeParse(JSON.parse(bytes.toString()));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

function inMs(event: Event): DecidedEvent {
  const times = Object.fromEntries(
    Object.entries(event).map(([name, value]) => [
      name,
      name === 'at' || name === 'accepted_at' || name === 'expires_at' ? Date.parse(value as string) : value,
    ]),
  );
  return times as unknown as DecidedEvent;
}
