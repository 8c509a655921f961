import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import fc from 'fast-check';
import { RetryableFault } from '#shared/faults/faults.ts';
import { openLog } from '#shared/telemetry/log.ts';
import { json } from './answer.ts';
import { createAuthenticate } from './authenticate.ts';
import { bodyBytesMax } from './body.ts';
import { createRateLimit } from './rate-limit.ts';
import type { Route } from './route.ts';
import { createHttpService, type HttpService } from './serve.ts';

/** The whole pipeline over a real socket. */

let release: () => void = () => undefined;
/** What the streamed route makes: chunks until one throws; `made` counts them, `stopped` says that it was told to stop. */
let chunks: (n: number) => string | null = () => null;
let made = 0;
let stopped = false;
async function* madeChunks(): AsyncGenerator<string> {
  try {
    for (made = 0; ; made++) {
      const chunk = chunks(made);
      if (chunk === null) return;
      yield chunk;
    }
  } finally {
    stopped = true;
  }
}
const routes: readonly Route[] = [
  {
    method: 'POST',
    path: '/echo/:id',
    name: 'echo',
    scopes: ['buyer'],
    handle: ({ body, params }) => json(200, { body, id: params['id'] }),
  },
  {
    method: 'GET',
    path: '/echo/:id',
    name: 'echo_get',
    scopes: [],
    handle: ({ query }) => json(200, { q: query.get('q') }, { etag: '"1"' }),
  },
  { method: 'GET', path: '/mine', name: 'mine', scopes: ['operator', 'auditor'], handle: () => json(200, {}) },
  {
    method: 'GET',
    path: '/bug',
    name: 'bug',
    scopes: [],
    handle() {
      throw new Error('a bug');
    },
  },
  {
    method: 'GET',
    path: '/away',
    name: 'away',
    scopes: [],
    handle() {
      throw new RetryableFault('line_unavailable', 'Kafka is away');
    },
  },
  {
    method: 'GET',
    path: '/streamed',
    name: 'streamed',
    scopes: [],
    handle: () => ({ kind: 'stream', status: 200, contentType: 'application/x-ndjson', chunks: madeChunks() }),
  },
  {
    method: 'GET',
    path: '/slow',
    name: 'slow',
    scopes: [],
    handle: () =>
      new Promise((resolve) => {
        release = () => resolve(json(200, { slow: true }));
      }),
  },
];

function open(requestsMax = 10_000): HttpService {
  return createHttpService({
    routes,
    authenticate: createAuthenticate({ devHeaders: true, userRefSecret: 'of the tests' }),
    rateLimit: createRateLimit({ requestsMax, windowSeconds: 10 }),
    errorsBaseUrl: 'http://localhost/errors/',
    waitingRoomUrl: '/waiting-room',
    log: openLog({ service: 'test', instance: 'test', level: 'silent' }),
    timeRequest: () => undefined,
  });
}

let service: HttpService;
let base: string;
let port: number;
beforeAll(async () => {
  service = open();
  port = await service.listen('127.0.0.1', 0);
  base = `http://127.0.0.1:${port}`;
});
afterAll(() => service.stop());

const buyer = { 'x-user-id': 'ann', 'content-type': 'application/json' };
const post = (body: string, headers: Record<string, string> = {}) => ({ method: 'POST', headers: { ...buyer, ...headers }, body });

test.each<[string, string, RequestInit, number, string | null]>([
  ['a good body', '/echo/1', post('{"a":1}'), 200, null],
  ['a charset', '/echo/1', post('{}', { 'content-type': 'application/json; charset=UTF-8' }), 200, null],
  ['no body', '/echo/1', { method: 'POST', headers: { 'x-user-id': 'ann' } }, 200, null],
  ['no token', '/echo/1', { method: 'POST', body: '{}' }, 401, 'unauthenticated'],
  ['no scope', '/mine', { headers: buyer }, 403, 'forbidden'],
  ['one of the scopes', '/mine', { headers: { ...buyer, 'x-scope': 'buyer auditor' } }, 200, null],
  ['another route', '/nothing', {}, 404, 'not_found'],
  ['another method', '/mine', { method: 'DELETE' }, 405, 'method_not_allowed'],
  ['half a body', '/echo/1', post('{"a":'), 400, 'invalid_request'],
  ['text', '/echo/1', post('{}', { 'content-type': 'text/plain' }), 415, 'unsupported_media_type'],
  ['another charset', '/echo/1', post('{}', { 'content-type': 'application/json; charset=latin1' }), 415, 'unsupported_media_type'],
  ['compressed', '/echo/1', post('{}', { 'content-encoding': 'gzip' }), 415, 'unsupported_media_type'],
  ['64 KiB', '/echo/1', post(`{"a":"${'x'.repeat(bodyBytesMax - 8)}"}`), 200, null],
  ['one byte more', '/echo/1', post(`{"a":"${'x'.repeat(bodyBytesMax - 7)}"}`), 413, 'body_too_large'],
  ['a path that cannot be decoded', '/echo/%FF', {}, 400, 'invalid_request'],
  ['long headers', '/mine', { headers: { ...buyer, 'x-long': 'x'.repeat(17_000) } }, 431, 'header_too_large'],
  ['a bug', '/bug', {}, 500, 'internal_error'],
  ['the line is away', '/away', {}, 503, 'line_unavailable'],
])('%s: %s', async (_name, path, init, status, code) => {
  const response = await fetch(base + path, init);
  expect(response.status).toBe(status);
  expect(response.headers.get('x-request-id')).toBeTruthy();
  expect(response.headers.get('x-trace-id')).toMatch(/^[0-9a-f]{32}$/);
  if (code === null) return;
  expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  expect(await response.json()).toMatchObject({
    type: `http://localhost/errors/${code}`,
    title: expect.any(String),
    status,
    detail: expect.any(String),
    instance: expect.any(String),
    code,
    retryable: expect.any(Boolean),
    request_id: response.headers.get('x-request-id'),
    trace_id: response.headers.get('x-trace-id'),
  });
});

test('a chunked body without a length is bounded too', async () => {
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const request = httpRequest(`${base}/echo/1`, { method: 'POST', headers: buyer }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.on('error', reject);
    request.write('x'.repeat(bodyBytesMax));
    request.end('x');
  });
  expect(status).toBe(413);
});

test('405 and OPTIONS name the methods, 401 names the scheme, 503 says when', async () => {
  const refused = await fetch(`${base}/echo/1`, { method: 'PUT' });
  expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'POST, GET, HEAD, OPTIONS']);
  const options = await fetch(`${base}/echo/1`, { method: 'OPTIONS' });
  expect([options.status, options.headers.get('allow')]).toEqual([204, 'POST, GET, HEAD, OPTIONS']);
  expect((await fetch(`${base}/mine`)).headers.get('www-authenticate')).toBe('Bearer');
  expect((await fetch(`${base}/away`)).headers.get('retry-after')).toBe('1');
});

test('HEAD is GET without its body', async () => {
  const response = await fetch(`${base}/echo/1`, { method: 'HEAD' });
  expect([response.status, response.headers.get('etag'), await response.text()]).toEqual([200, '"1"', '']);
});

test('request id and trace come back', async () => {
  const response = await fetch(`${base}/echo/1?q=2`, {
    headers: { 'x-request-id': 'mine-1', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
  });
  expect(response.headers.get('x-request-id')).toBe('mine-1');
  expect(response.headers.get('x-trace-id')).toBe('0af7651916cd43dd8448eb211c80319c');
  expect(await response.json()).toEqual({ q: '2' });
});

test('what is no HTTP is answered with a problem', async () => {
  const answer = await new Promise<string>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('NONSENSE\r\n\r\n'));
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.on('close', () => resolve(text));
  });
  expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  expect(JSON.parse(answer.slice(answer.indexOf('{')))).toMatchObject({ code: 'invalid_request', status: 400 });
});

test('too many requests are 429; a browser is sent to the waiting room', async () => {
  const strict = open(1);
  const url = `http://127.0.0.1:${await strict.listen('127.0.0.1', 0)}/mine`;
  const headers = { 'x-user-id': 'ann', 'x-scope': 'operator' };
  expect((await fetch(url, { headers })).status).toBe(200);
  const refused = await fetch(url, { headers });
  expect(refused.status).toBe(429);
  expect(refused.headers.get('retry-after')).toBe('10');
  expect(refused.headers.get('ratelimit-policy')).toBe('"user";q=1;w=10');
  expect(refused.headers.get('ratelimit')).toMatch(/^"user";r=0;t=\d+$/);
  const browser = await fetch(`${url}?a=1&b=2`, { headers: { ...headers, accept: 'text/html,*/*' }, redirect: 'manual' });
  expect([browser.status, browser.headers.get('location')]).toEqual([302, '/waiting-room?after=10&to=/mine?a=1&b=2']);
  expect(browser.headers.get('retry-after')).toBe('10');
  await strict.stop();
});

test('a stop waits for what was begun and takes nothing new', async () => {
  const stopped = open();
  const url = `http://127.0.0.1:${await stopped.listen('127.0.0.1', 0)}/slow`;
  let arrived: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => (arrived = resolve));
  release = () => undefined;
  const before = release;
  const answer = fetch(url);
  const poll = setInterval(() => {
    if (release !== before) arrived();
  }, 1);
  await begun;
  clearInterval(poll);
  const stop = stopped.stop();
  release();
  const response = await answer;
  expect([response.status, response.headers.get('connection')]).toEqual([200, 'close']);
  await stop;
  await expect(fetch(url)).rejects.toThrow();
});

test('nothing a client sends gives a 5xx', async () => {
  const body = fc.oneof(fc.json(), fc.string({ unit: 'binary' }), fc.constant('{'.repeat(1_000)));
  const type = fc.oneof(fc.constant('application/json'), fc.string({ unit: 'grapheme-ascii' }));
  const path = fc.string({ unit: 'grapheme-ascii', maxLength: 50 }).map((text) => text.replaceAll(/[#?\s\\]/g, ''));
  await fc.assert(
    fc.asyncProperty(body, type, path, async (sent, contentType, tail) => {
      const status = await new Promise<number>((resolve, reject) => {
        const request = httpRequest(
          { host: '127.0.0.1', port, method: 'POST', path: `/echo/${tail}`, headers: { 'x-user-id': 'ann', 'content-type': contentType } },
          (response) => {
            response.resume();
            response.on('end', () => resolve(response.statusCode!));
          },
        );
        request.on('error', reject);
        request.end(sent);
      });
      expect(status).toBeLessThan(500);
    }),
    { numRuns: 200 },
  );
});

describe('a streamed answer', () => {
  const chunk = 'x'.repeat(16_384);
  const until = async (what: () => boolean): Promise<void> => {
    for (const by = Date.now() + 5_000; !what();) {
      if (Date.now() > by) throw new Error('it never came true');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  beforeEach(() => {
    stopped = false;
  });

  test('comes whole', async () => {
    chunks = (n) => (n < 3 ? `${n}\n` : null);
    const response = await fetch(`${base}/streamed`);
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
      200,
      'application/x-ndjson',
      '0\n1\n2\n',
    ]);
    expect(response.headers.get('x-request-id')).toBeTruthy();
  });

  test('has no body where none is wanted', async () => {
    chunks = () => chunk;
    const response = await fetch(`${base}/streamed`, { method: 'HEAD' });
    expect([response.status, await response.text()]).toEqual([200, '']);
    await until(() => stopped);
  });

  test('that fails before its first chunk is a problem', async () => {
    chunks = () => {
      throw new RetryableFault('ledger_unavailable', 'PostgreSQL is away');
    };
    const response = await fetch(`${base}/streamed`);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: 'ledger_unavailable' });
  });

  test('that fails later is cut off, so that nobody takes it for whole', async () => {
    chunks = (n) => {
      if (n === 2) throw new Error('a bug');
      return chunk;
    };
    await expect(fetch(`${base}/streamed`).then((response) => response.text())).rejects.toThrow();
  });

  test('is made no faster than it is read, and no longer once the client has gone', async () => {
    chunks = () => chunk;
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /streamed HTTP/1.1\r\nHost: x\r\n\r\n');
    await until(() => made > 10);
    socket.pause();
    let before = -1;
    await until(() => {
      const still = made === before;
      before = made;
      return still;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(made).toBe(before);
    expect(stopped).toBe(false);
    socket.destroy();
    await until(() => stopped);
  });

  test('ends when the service stops', async () => {
    chunks = () => chunk;
    const other = open();
    const otherPort = await other.listen('127.0.0.1', 0);
    const response = await fetch(`http://127.0.0.1:${otherPort}/streamed`);
    const read = response.text();
    read.catch(() => undefined);
    const from = performance.now();
    await other.stop();
    expect(performance.now() - from).toBeLessThan(2_000);
    await expect(read).rejects.toThrow();
  });
});
