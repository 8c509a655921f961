import type { DecidedEvent } from '#schemas/event.ts';
import { assert } from '#shared/faults/assert.ts';
import type { SaleState } from './state.ts';
import { Stock } from './stock.ts';
import { SALE_TRANSITIONS, type SaleOutcome, type SaleTrigger } from './transitions.ts';

type SaleEvent = Extract<DecidedEvent, { type: `sale.${string}` | 'stock.changed' }>;

const TRIGGERS = {
  'sale.opened': 'sale.open',
  'sale.paused': 'sale.pause',
  'sale.resumed': 'sale.resume',
  'sale.closed': 'sale.close',
} as const satisfies Record<string, SaleTrigger>;

export function evolveSale(state: SaleState, event: SaleEvent): void {
  if (event.type === 'sale.scheduled') {
    assert(state.terms === null, 'a sale is scheduled once');
    state.terms = event.terms;
    state.stock = new Stock(event.terms.items);
  } else if (event.type === 'stock.changed') {
    const item = state.stock.item(event.sku);
    assert(item !== undefined, `the sale has no item ${event.sku} whose stock could change`);
    state.stock.move(item, event.delta, 0, 0);
    state.waitlist.stockChanged(item);
  } else {
    const outcome: SaleOutcome = SALE_TRANSITIONS[state.status][TRIGGERS[event.type]];
    assert(outcome !== 'invalid_transition', `a sale that is ${state.status} cannot have ${event.type}`);
    state.status = outcome.to;
  }
  const { key, fingerprint, seq } = event;
  if (key !== undefined && fingerprint !== undefined) state.decisions.record(key, seq, { fingerprint, seq });
}
