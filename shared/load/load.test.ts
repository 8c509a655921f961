import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAnswerParser, headerOf } from './answer-parser.ts';
import { createComebacks } from './comebacks.ts';
import { createHttpPool, type PoolAnswer } from './http-pool.ts';
import { createLatencyRecorder } from './latency.ts';
import { runOpenLoop } from './open-loop.ts';

describe('answers are read however they arrive', () => {
  const whole = Buffer.from('HTTP/1.1 201 Created\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello');
  const chunked = Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n');
  test.each([
    ['with a length, in one piece', [whole], 201, 'hello'],
    ['with a length, cut in the header', [whole.subarray(0, 20), whole.subarray(20)], 201, 'hello'],
    ['with a length, cut in the body', [whole.subarray(0, whole.length - 2), whole.subarray(whole.length - 2)], 201, 'hello'],
    ['byte by byte', [...whole].map((byte) => Buffer.from([byte])), 201, 'hello'],
    ['in chunks', [chunked], 200, 'hello!'],
    ['in chunks, cut', [chunked.subarray(0, 50), chunked.subarray(50)], 200, 'hello!'],
    ['without a body', [Buffer.from('HTTP/1.1 204 No Content\r\n\r\n')], 204, ''],
  ])('%s', (_name, pieces, status, body) => {
    const parser = createAnswerParser();
    const answers = pieces.map((piece) => parser.push(piece)).filter((answer) => answer !== null);
    expect(answers.map((answer) => [answer.status, answer.body.toString()])).toEqual([[status, body]]);
  });

  test('a header is found whatever its case', () => {
    expect(headerOf('HTTP/1.1 503 X\r\nretry-after: 2\r\nA: b', 'Retry-After')).toBe('2');
    expect(headerOf('HTTP/1.1 503 X\r\nA: b', 'Retry-After')).toBeUndefined();
  });

  test('what is not HTTP is an error', () => {
    expect(() => createAnswerParser().push(Buffer.from('hello\r\n\r\n'))).toThrow('not an HTTP/1.1 answer');
  });
});

describe('the pool', () => {
  let server: Server;
  let port: number;
  /** Requests to /never are kept unanswered, to /cut their connection is closed. */
  beforeAll(async () => {
    server = createServer((request, response) => {
      if (request.url === '/never') return;
      if (request.url === '/cut') return void request.socket.destroy();
      response.end(request.url);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  const send = (pool: ReturnType<typeof createHttpPool>, path: string): Promise<PoolAnswer> =>
    new Promise((resolve) => pool.send({ method: 'GET', path }, resolve));

  test('answers each of many requests over few connections', async () => {
    const pool = createHttpPool({ host: '127.0.0.1', port, connectionsMax: 3, timeoutMs: 5_000 });
    const answers = await Promise.all(Array.from({ length: 200 }, (_, index) => send(pool, `/${index}`)));
    expect(answers.map((answer) => (answer.kind === 'answered' ? answer.body.toString() : answer.reason))).toEqual(
      Array.from({ length: 200 }, (_, index) => `/${index}`),
    );
    expect([pool.busy, pool.waiting]).toEqual([0, 0]);
    pool.close();
  });

  test.each([
    ['a server that never answers', '/never', 'timeout'],
    ['a server that closes', '/cut', 'closed'],
  ])('%s leaves the request unanswered and the pool in order', async (_name, path, reason) => {
    const pool = createHttpPool({ host: '127.0.0.1', port, connectionsMax: 1, timeoutMs: 200 });
    const [first, second] = await Promise.all([send(pool, path), send(pool, '/after')]);
    expect(first).toMatchObject({ kind: 'unanswered' });
    expect(['closed', 'timeout', 'ECONNRESET']).toContain(first.kind === 'unanswered' ? first.reason : reason);
    expect(second).toMatchObject({ kind: 'answered', status: 200 });
    pool.close();
  });

  test('refuses to load another machine', () => {
    expect(() => createHttpPool({ host: '192.0.2.1', port: 80, connectionsMax: 1, timeoutMs: 1 })).toThrow('only sent to this machine');
  });
});

test('an open loop makes every arrival once, in order and not before it is due', async () => {
  const seen: number[] = [];
  let early = 0;
  await runOpenLoop({
    ratePerSecond: 20_000,
    total: 500,
    arrivals: 'poisson',
    arrive(index, dueAt) {
      seen.push(index);
      if (dueAt > performance.now()) early += 1;
    },
  });
  expect(seen).toEqual(Array.from({ length: 500 }, (_, index) => index));
  expect(early).toBe(0);
});

test('everyone comes back once, in order, and not before they said', () => {
  const comebacks = createComebacks();
  const came: (readonly [number, number])[] = [];
  const take = (now: number): void => comebacks.take(now, (index, dueAt) => came.push([index, dueAt]));
  comebacks.add(1, 100);
  comebacks.add(2, 40);
  comebacks.add(3, 39);
  take(39);
  expect(came).toEqual([]);
  take(99);
  expect(came.map(([index]) => index)).toEqual([2, 3]);
  comebacks.add(4, 120);
  expect(comebacks.waiting).toBe(2);
  take(1_000);
  expect(came.map(([index]) => index)).toEqual([2, 3, 1, 4]);
  for (const [index, dueAt] of came) expect(dueAt).toBeGreaterThanOrEqual([0, 100, 40, 39, 120][index]!);
  // Long after the last one, somebody waits again.
  comebacks.add(5, 5_000);
  take(4_999);
  take(5_000);
  expect(came.at(-1)).toEqual([5, 5_000]);
});

test('merged recorders say what one recorder of everything would', () => {
  const [one, two, all] = [createLatencyRecorder(), createLatencyRecorder(), createLatencyRecorder()];
  for (let ms = 1; ms <= 1000; ms += 1) {
    (ms % 2 === 0 ? one : two).record(ms);
    all.record(ms);
  }
  one.merge(two);
  expect(one.summary()).toEqual(all.summary());
  expect(all.summary().p95Ms).toBeGreaterThan(949);
  expect(all.summary().p95Ms).toBeLessThan(952);
});
