import { eventJson, pageJson } from './event-view.ts';

const hash = Buffer.alloc(32, 0xab);
const view = (leaf: Buffer): unknown => JSON.parse(eventJson({ seq: 7, leaf, hash }));

test.each<[string, Buffer, unknown]>([
  ['an event', Buffer.from('{"seq":7}'), { seq: 7 }],
  ['JSON over several lines, which would break a line of NDJSON', Buffer.from('{\n"seq":\r7}'), { seq: 7 }],
  ['no JSON any more', Buffer.from('{"seq":'), null],
  ['no text any more', Buffer.of(0xff, 0x00), null],
])('%s', (_what, leaf, event) => {
  expect(view(leaf)).toEqual({ seq: 7, leaf: leaf.toString('base64'), hash: 'ab'.repeat(32), event });
  expect(eventJson({ seq: 7, leaf, hash })).not.toMatch(/[\n\r]/);
});

test('events of several sales name theirs', () => {
  expect(JSON.parse(eventJson({ seq: 7, leaf: Buffer.from('{}'), hash }, 's'))).toMatchObject({ sale_id: 's', seq: 7 });
});

test('a page', () => {
  expect(JSON.parse(pageJson(['{"a":1}', '{"a":2}'], 'next'))).toEqual({ data: [{ a: 1 }, { a: 2 }], next_cursor: 'next' });
  expect(JSON.parse(pageJson([], null))).toEqual({ data: [], next_cursor: null });
});
