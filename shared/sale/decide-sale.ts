import type { ChangeSaleStatus, ChangeStock, ScheduleSale } from '#schemas/command.ts';
import type { DecidedEvent } from '#schemas/event.ts';
import { answerEnvelope, envelope, type Occasion } from './occasion.ts';
import { rejectRequest } from './reject-request.ts';
import type { SaleState } from './state.ts';
import { SALE_TRANSITIONS, type SaleOutcome } from './transitions.ts';

/** A sale that is created after its start is open at once. */
export function decideSchedule(state: SaleState, command: ScheduleSale, occasion: Occasion): DecidedEvent[] {
  if (state.terms !== null) return [rejectRequest(state, command, command.key, occasion, 'invalid_transition')];
  const { key, terms } = command;
  const scheduled: DecidedEvent = { ...answerEnvelope(state, occasion, command), type: 'sale.scheduled', key, terms };
  if (Date.parse(terms.starts_at) > occasion.at) return [scheduled];
  return [scheduled, { ...envelope(state, occasion, 1), type: 'sale.opened' }];
}

/** Closing turns the waitlist away: see `decideTurnAway`. */
export function decideSaleStatus(state: SaleState, command: ChangeSaleStatus, occasion: Occasion): DecidedEvent {
  const outcome: SaleOutcome = SALE_TRANSITIONS[state.status][command.type];
  if (outcome === 'invalid_transition') return rejectRequest(state, command, command.key, occasion, outcome);
  const type = outcome.event as 'sale.opened' | 'sale.paused' | 'sale.resumed' | 'sale.closed';
  return { ...answerEnvelope(state, occasion, command), type, key: command.key };
}

export function decideStock(state: SaleState, command: ChangeStock, occasion: Occasion): DecidedEvent {
  const { key, sku, delta } = command;
  const item = state.stock.item(sku);
  if (item === undefined) return rejectRequest(state, command, key, occasion, 'unknown_item');
  if (state.stock.free(item) + delta < 0) return rejectRequest(state, command, key, occasion, 'stock_below_committed');
  const counts = { total: state.stock.total(item) + delta, held: state.stock.held(item), sold: state.stock.sold(item) };
  return { ...answerEnvelope(state, occasion, command), type: 'stock.changed', key, sku, delta, counts: { [sku]: counts } };
}
