import fc from 'fast-check';
import type { OrderId, SaleId, Seq } from '#schemas/ids.ts';
import { encodeOrders, encodeReplies, parseOrders, parseReplies } from './format.ts';
import type { Reply } from './replies.ts';

const sale = 'sale_1' as SaleId;
const order = '01234567-89ab-8def-8123-456789abcdef' as OrderId;
const decided = (replyTo: string, leaf = '{"a":"b c"}'): Reply => ({ kind: 'decided', replyTo, leaf });

describe('replies', () => {
  const replies: Reply[] = [
    decided('api-1/1'),
    { kind: 'repeated', replyTo: 'api-1/2', saleId: sale, seq: 7 as Seq },
    { kind: 'unknown_sale', replyTo: 'api-1/3', saleId: sale },
  ];

  it('make one message for each instance and come back as they were', () => {
    const { messages, unaddressed } = encodeReplies([...replies, decided('api-2/1')]);
    expect([...messages.keys(), unaddressed]).toEqual(['api-1', 'api-2', 0]);
    expect(parseReplies('api-1', messages.get('api-1')!.toString())).toEqual({ replies, malformed: 0 });
  });

  it.each(['', 'api-1', '/1', 'api-1/', 'api 1/1', 'api-1/1 2', 'api-1/1/2', 'api-1/A\n'])('addressed to %j go nowhere', (replyTo) => {
    expect(encodeReplies([decided(replyTo)])).toEqual({ messages: new Map(), unaddressed: 1 });
  });

  it.each([
    '',
    'd',
    'd 1',
    'd 1 ',
    'd 1 {',
    'x 1 {}',
    'd  {}',
    'r 1 sale_1',
    'r 1 sale_1 0',
    'r 1 sale_1 1e3',
    'r 1 sale_1 7 8',
    'u 1 a b',
    'u 1',
  ])('as %j are malformed', (line) => {
    expect(parseReplies('api-1', `${line}\nu 9 sale_1`)).toEqual({
      replies: [{ kind: 'unknown_sale', replyTo: 'api-1/9', saleId: sale }],
      malformed: 1,
    });
  });

  it('are parsed whatever was sent', () => {
    fc.assert(
      fc.property(fc.string(), (message) => {
        const { replies: parsed, malformed } = parseReplies('api-1', message);
        expect(parsed.length + malformed).toBe(message.split('\n').length);
      }),
    );
  });
});

it('orders come back as they were, without what is none', () => {
  expect(parseOrders(encodeOrders([order, order]))).toEqual({ orders: [order, order], malformed: 0 });
  expect(parseOrders(`${order}\nnone`)).toEqual({ orders: [order], malformed: 1 });
});
