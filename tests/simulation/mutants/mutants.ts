/**
 * Bugs that someone could make, each as a change of one text of a source. The simulation
 * must find every one of them (planted-bugs.ts); one that it no longer finds is a hole in it.
 */
export interface Mutant {
  readonly name: string;
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly from: string;
  readonly to: string;
}

const LOOP = 'services/writer/loop.ts';
const DECIDE_BATCH = 'services/writer/decide-batch.ts';
const OUTBOX = 'services/writer/outbox.ts';

export const MUTANTS: readonly Mutant[] = [
  // The writer: fence, batch, replies, outbox, takeover.
  {
    name: 'fence not checked',
    file: LOOP,
    from: "if (outcome.kind === 'committed') tell(entry);",
    to: "if (outcome.kind === 'committed' || outcome.kind === 'fenced') tell(entry);",
  },
  {
    name: 'reply before commit',
    file: LOOP,
    from: 'underWay.push(entry);\n    commitsUnderWay++;',
    to: 'underWay.push(entry);\n    commitsUnderWay++;\n    void ports.announce(batch.announcement);',
  },
  {
    name: 'a failed commit is told',
    file: LOOP,
    from: "entry.outcome = { kind: 'failed', error };",
    to: "entry.outcome = { kind: 'committed' };",
  },
  {
    name: 'offset stored one too far',
    file: LOOP,
    from: 'nextOffset: batch.position.nextOffset,',
    to: 'nextOffset: batch.position.nextOffset + 1,',
  },
  {
    name: 'time is taken from the record alone',
    file: DECIDE_BATCH,
    from: 'const at = record.timestamp > lastAt ? record.timestamp : lastAt;',
    to: 'const at = record.timestamp;',
  },
  {
    name: 'malformed records are passed',
    file: DECIDE_BATCH,
    from: 'if (active === undefined) {',
    to: 'if (active !== undefined || active === undefined) {',
  },
  { name: 'what the ledger answered is not learned', file: DECIDE_BATCH, from: 'learn(sale.state, known);', to: '' },
  {
    name: 'a repetition is answered by the newest event',
    file: DECIDE_BATCH,
    from: "seq: answer.kind === 'event' ? answer.event.seq : answer.seq,",
    to: "seq: answer.kind === 'event' ? answer.event.seq : (seqOf(own.state) as Seq),",
  },
  {
    name: 'payment methods of two checkouts in a batch are mixed up',
    file: DECIDE_BATCH,
    from: 'const paymentMethodId = paymentMethods.get(event.event.seq);',
    to: "const paymentMethodId = event.event.type === 'checkout.requested' ? [...paymentMethods.values()][0] : undefined;",
  },
  {
    name: 'a loaded sale is believed to be known from its birth',
    file: 'services/writer/part.ts',
    from: 'const mayHold = (id: string): boolean => sale.ids === null || sale.ids.mayHold(id);',
    to: 'const mayHold = (id: string): boolean => sale.ids !== null && sale.ids.mayHold(id);',
  },
  {
    name: 'decisions are forgotten before they are committed',
    file: 'services/writer/hot-sale.ts',
    from: 'forget(sale.state, sale.committedSeq);',
    to: 'forget(sale.state, seqOf(sale.state));',
  },
  {
    name: 'a standby takes over without the events since its last look',
    file: 'services/writer/sales.ts',
    from: "if (sale !== undefined && (await catchUp(sale, head, ledger)) === 'there') {",
    to: 'if (sale !== undefined) {',
  },
  {
    name: 'republish skips the last event',
    file: OUTBOX,
    from: 'await publish(bySale(events.filter((event) => event.offset < options.nextOffset)));',
    to: 'await publish(bySale(events.filter((event) => event.offset < options.nextOffset).slice(0, -1)));',
  },
  {
    name: 'what is handed to Kafka counts as published',
    file: OUTBOX,
    from: 'waiting.push({ nextOffset, sales, events });',
    to: 'waiting.push({ nextOffset, sales, events });\n      published = nextOffset;',
  },
  {
    name: 'a failed publication is not repeated',
    file: OUTBOX,
    from: 'if (!(error instanceof RetryableFault)) throw error;\n        options.onRetry(error, waitMs);',
    to: 'if (!(error instanceof RetryableFault)) throw error;\n        if (waitMs > 0) return;',
  },
  // The decision: stock, deadlines, waitlist, idempotency, orders.
  {
    name: 'expiry off by one',
    file: 'shared/sale/advance.ts',
    from: 'state.reservations.deadline(slot) <= at ? slot : -1',
    to: 'state.reservations.deadline(slot) < at ? slot : -1',
  },
  {
    name: 'hold released twice',
    file: 'shared/sale/hold.ts',
    from: 'moveUnits(state, slot, -1, 0);\n  state.deadlines.remove(slot);',
    to: 'moveUnits(state, slot, -1, 0);\n  moveUnits(state, slot, -1, 0);\n  state.deadlines.remove(slot);',
  },
  {
    name: 'waitlist order swapped',
    file: 'shared/sale/decide-offer.ts',
    from: 'reservations.decidedSeq(slot) < reservations.decidedSeq(next)',
    to: 'reservations.decidedSeq(slot) > reservations.decidedSeq(next)',
  },
  {
    name: 'a newcomer overtakes the waitlist',
    file: 'shared/sale/decide-reservation.ts',
    from: 'return state.waitlist.isBlocked(item, free) || (state.behind && isPromised(state, item)) ? 0 : free;',
    to: 'return free;',
  },
  {
    name: 'idempotency looked up after stock',
    file: 'shared/sale/decide.ts',
    from: 'const earlier = state.decisions.get(command.reservation_id);',
    to: "const earlier = (([event]) => event.type === 'reservation.rejected')([decideReservation(state, command, occasion)]) ? undefined : state.decisions.get(command.reservation_id);",
  },
  {
    name: 'the fingerprint is not compared',
    file: 'shared/sale/decide.ts',
    from: "if (earlier.fingerprint === command.fingerprint) return { kind: 'repeated', seq: earlier.seq };\n    return decided(rejectRequest(",
    to: "if (earlier !== null) return { kind: 'repeated', seq: earlier.seq };\n    return decided(rejectRequest(",
  },
  { name: 'partial counted wrongly', file: 'shared/sale/grant.ts', from: 'left -= granted;', to: 'left -= line.quantity;' },
  {
    name: 'a released hold still counts for its user',
    file: 'shared/sale/hold.ts',
    from: 'changeUsage(state, slot, -1, -1);',
    to: 'changeUsage(state, slot, 0, -1);',
  },
  {
    name: 'every checkout extends the hold',
    file: 'shared/sale/decide-order.ts',
    from: 'state.reservations.isExtended(slot) ? deadline : Math.max(',
    to: 'state.reservations.isExtended(slot) && deadline < 0 ? deadline : Math.max(',
  },
  {
    name: 'refund and confirm both',
    file: 'shared/sale/decide-order.ts',
    from: "type: 'order.confirmed', ...refs(order), reacquired: late, counts }];",
    to: "type: 'order.confirmed', ...refs(order), reacquired: late, counts }, { ...envelope(state, occasion, 2), type: 'refund.requested', ...refs(order), amount: live.amount, currency: live.currency }];",
  },
  {
    name: 'a late payment takes stock that is not free',
    file: 'shared/sale/decide-order.ts',
    from: "return state.terms!.late_payment === 'reacquire' && order.lines.every(({ item, quantity }) => quantity <= state.stock.free(item));",
    to: "return state.terms!.late_payment === 'reacquire';",
  },
  {
    name: 'a hold being paid may be cancelled',
    file: 'shared/sale/transitions.ts',
    from: "payment_fails_hold_goes_on: 'held',\n    payment_fails_hold_ends: 'released',\n  },\n  confirmed: past,",
    to: "payment_fails_hold_goes_on: 'held',\n    payment_fails_hold_ends: 'released',\n    ...{ cancel: 'released' as const },\n  },\n  confirmed: past,",
  },
  {
    name: 'a closed sale forgets its waitlist',
    file: 'shared/sale/advance.ts',
    from: "const next = state.status === 'closed' ? decideTurnAway(state, occasion) : decideOffer(state, occasion);",
    to: "const next = state.status === 'closed' ? null : decideOffer(state, occasion);",
  },
  {
    name: 'a sale settles with refunds on their way',
    file: 'shared/sale/state.ts',
    from: "state.status === 'closed' && state.reservations.size === 0 && state.orders.size === 0",
    to: "state.status === 'closed' && state.reservations.size === 0",
  },
  // The ledger's rows and what is told from them.
  {
    name: 'an offered reservation keeps its old row',
    file: 'shared/ledger/project.ts',
    from: "      changeReservation(rows, {\n        id: event.reservation_id,\n        status: 'held',\n        reason: null,\n        items: event.items,",
    to: "      changeReservation(rows, {\n        id: event.reservation_id,\n        status: 'held',\n        reason: null,",
  },
  {
    name: 'a lookup by key forgets the body',
    file: 'shared/http/await-decision.ts',
    from: 'if (decision.fingerprint !== waiter.expected.fingerprint)',
    to: 'if (decision.fingerprint === waiter.expected.fingerprint && decision.leaf === undefined)',
  },
  {
    name: 'of two bodies the note decides',
    file: 'services/reserve/create-reservation.ts',
    from: 'if (note?.fingerprint === print) return queuedAnswer(asked, note, true);',
    to: 'if (note !== null) return note.fingerprint === print ? queuedAnswer(asked, note, true) : keyReused();',
  },
  // Payments.
  {
    name: 'each try has a key of its own',
    file: 'services/payment/step.ts',
    from: 'return gateway.charge({ orderId, amount,',
    to: 'return gateway.charge({ orderId: `${orderId}-${payment.tries}`, amount,',
  },
  {
    name: 'no answer counts as declined',
    file: 'services/payment/step.ts',
    from: 'if (delayMs === null) return { ...closed, fact: `${kind}_given_up`, outcome: name };',
    to: "if (delayMs === null) return { ...closed, fact: kind === 'charge' ? 'charge_declined' : 'refund_given_up', outcome: name };",
  },
  {
    name: 'reported in the books before it is on the line',
    file: 'services/payment/step.ts',
    from: 'await ports.enqueue(payment.partition, report.command);\n  await ports.recordReported({ orderId: payment.orderId, fact: report.fact, delayMs: 0 });',
    to: 'await ports.recordReported({ orderId: payment.orderId, fact: report.fact, delayMs: 0 });\n  await ports.enqueue(payment.partition, report.command);',
  },
];
