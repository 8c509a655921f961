import {
  apply,
  emptyBook,
  judgeCharge,
  judgeRefund,
  listCharges,
  type Book,
  type ChargeRequest,
  type Entry,
  type Judgement,
} from './book.ts';

const AT = '2026-11-20T12:00:00.000Z';

const request = (method: string, amount = 4900): ChargeRequest => ({
  amount,
  currency: 'EUR',
  payment_method_id: method,
  reference: 'order-1',
});

/** What one call is answered: status, `silent`, or `status after ms`. */
function told(judgement: Judgement): string {
  if (judgement.answer.kind === 'silence') return 'silent';
  const { status, afterMs } = judgement.answer;
  return afterMs === 0 ? String(status) : `${status} after ${afterMs}`;
}

function call(book: Book, journal: Entry[], method: string, amount?: number): string {
  const judgement = judgeCharge(book, 'key-1', request(method, amount), AT);
  if (judgement.entry) {
    apply(book, judgement.entry);
    journal.push(judgement.entry);
  }
  return told(judgement);
}

const CASES: { method: string; calls: string[]; charges: number }[] = [
  { method: 'pm_ok', calls: ['201', '200', '200'], charges: 1 },
  { method: 'pm_declined', calls: ['402', '402'], charges: 0 },
  { method: 'pm_nobody_knows', calls: ['402', '402'], charges: 0 },
  { method: 'constructor', calls: ['402'], charges: 0 },
  { method: 'pm_timeout_once', calls: ['silent', '200', '200'], charges: 1 },
  { method: 'pm_timeout', calls: ['silent', 'silent', 'silent'], charges: 0 },
  { method: 'pm_slow', calls: ['201 after 3000', '200'], charges: 1 },
  { method: 'pm_error', calls: ['500', '500', '201', '200'], charges: 1 },
];

test.each(CASES)('$method is answered $calls', ({ method, calls, charges }) => {
  const book = emptyBook();
  const journal: Entry[] = [];
  expect(calls.map(() => call(book, journal, method))).toEqual(calls);
  expect(book.charges).toHaveLength(charges);
});

test.each(CASES)('$method goes on where it was after a restart at any point', ({ method, calls }) => {
  for (let before = 0; before <= calls.length; before++) {
    const journal: Entry[] = [];
    const first = emptyBook();
    for (let n = 0; n < before; n++) call(first, journal, method);
    const second = emptyBook();
    for (const entry of journal) apply(second, JSON.parse(JSON.stringify(entry)) as Entry);
    expect(second).toEqual(first);
    expect(calls.slice(before).map(() => call(second, journal, method))).toEqual(calls.slice(before));
  }
});

test('the same key with another body is refused, whatever became of it', () => {
  for (const method of ['pm_ok', 'pm_declined', 'pm_error']) {
    const book = emptyBook();
    call(book, [], method);
    expect(call(book, [], method, 4901)).toBe('422');
  }
});

test('a charge is refunded once; its key repeats, another key is refused', () => {
  const book = emptyBook();
  call(book, [], 'pm_ok');
  const chargeId = book.charges[0]?.id ?? '';
  const refund = (key: string, charge: string): string => {
    const judgement = judgeRefund(book, key, charge, AT);
    if (judgement.entry) apply(book, judgement.entry);
    return told(judgement);
  };
  expect(refund('refund-1', 'ch_nowhere')).toBe('404');
  expect(refund('refund-1', chargeId)).toBe('201');
  expect(refund('refund-1', chargeId)).toBe('200');
  expect(refund('refund-1', 'ch_nowhere')).toBe('422');
  expect(refund('refund-2', chargeId)).toBe('409');
  expect(refund('key-1', chargeId)).toBe('422');
  expect(book.charges).toMatchObject([{ status: 'refunded', amount: 4900, reference: 'order-1' }]);
});

test('charges are listed by reference and page by page', () => {
  const book = emptyBook();
  for (let n = 0; n < 5; n++) {
    const { entry } = judgeCharge(book, `key-${n}`, { ...request('pm_ok'), reference: `order-${n % 2}` }, AT);
    if (entry) apply(book, entry);
  }
  const references = (page: { data: readonly { reference: string }[] }) => page.data.map((charge) => charge.reference);
  expect(references(listCharges(book, { reference: 'order-1', cursor: 0, limit: 10 }))).toEqual(['order-1', 'order-1']);
  expect(listCharges(book, { cursor: 0, limit: 3 }).next_cursor).toBe('3');
  expect(listCharges(book, { cursor: 3, limit: 3 })).toMatchObject({ next_cursor: null, data: { length: 2 } });
  expect(listCharges(book, { reference: 'order-9', cursor: 0, limit: 10 })).toEqual({ data: [], next_cursor: null });
});
