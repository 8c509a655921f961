import fc from 'fast-check';
import { Event, REQUEST_REFUSALS, RESERVATION_REFUSALS } from '#schemas/event.ts';
import { advance } from '../advance.ts';
import { initialState } from '../state.ts';
import { SALE } from './commands.ts';
import { entriesOf, histories } from './histories.ts';

test('histories lead to every event there is, and to every refusal', () => {
  const seen = new Set<string>();
  for (const history of fc.sample(histories, { numRuns: 150, seed: 1 })) {
    const state = initialState(SALE);
    for (const entry of entriesOf(history)) {
      const { events, answer } = advance(state, entry);
      seen.add(answer.kind);
      for (const event of events) {
        seen.add(event.type);
        if ('reason' in event) seen.add(`${event.type} ${event.reason}`);
        if ('request' in event) seen.add(`refused ${event.request}`);
      }
    }
  }
  const types = Event.options.map(({ shape }) => shape.type.value);
  const requests = Event.options.flatMap(({ shape }) => ('request' in shape ? shape.request.options : []));
  const wanted = [
    ...['event', 'repeated', 'nothing'],
    ...types,
    ...RESERVATION_REFUSALS.map((reason) => `reservation.rejected ${reason}`),
    ...REQUEST_REFUSALS.map((reason) => `request.rejected ${reason}`),
    ...requests.map((request) => `refused ${request}`),
    ...['declined', 'gave_up', 'deadline'].map((reason) => `order.failed ${reason}`),
  ];
  expect(wanted.filter((each) => !seen.has(each))).toEqual([]);
});
