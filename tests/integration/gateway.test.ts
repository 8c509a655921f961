import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, request, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { layoutOf } from '#deploy/local/layout.ts';
import { fillTemplate, gatewayValues, nginxConf, nginxProgram } from '#deploy/local/nginx.ts';
import { ownFolder, serverUserOf, writeFor } from '#deploy/local/server-user.ts';
import type { Attempt } from '#shared/edge-records/attempts.ts';
import { refusalOfDatagram } from '#shared/edge-records/gateway-refusals.ts';

/** The gateway's own answers: nginx with the stack's configuration before three services that say what they were asked. */

interface Seen {
  readonly service: string;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly problem: Record<string, unknown>;
}

let seen: Seen[] = [];
/** What the services answer next; by default what they were asked. */
let behave: RequestListener | undefined;

function service(name: string): Server {
  return createServer((incoming, response) => {
    seen.push({ service: name, method: incoming.method ?? '', path: incoming.url ?? '', headers: incoming.headers });
    incoming.resume();
    incoming.on('end', () => {
      if (behave !== undefined) behave(incoming, response);
      else
        response.writeHead(200, { 'content-type': 'application/json', etag: '"v1"', 'x-request-id': 'of-the-service' }).end('{"ok":true}');
    });
  });
}

const user = serverUserOf(layoutOf({}, process.cwd()), process.env);
const folders: string[] = [];
const gateways: ChildProcess[] = [];
const services: Record<'reserve' | 'checkout' | 'audit', Server> = {
  reserve: service('reserve'),
  checkout: service('checkout'),
  audit: service('audit'),
};
/** What the gateways told the reserve service of whom they turned away. */
const refusals = createSocket('udp4');
let turnedAway: (Attempt | null)[] = [];
let port = 0;
let limitedPort = 0;

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const free = await portOf(server);
  server.close();
  await once(server, 'close');
  return free;
}

async function startGateway(environment: Record<string, string>, ports: Record<keyof typeof services, number>): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'firstcome-gateway-'));
  folders.push(folder);
  for (const inner of ['tmp', 'cache']) mkdirSync(join(folder, inner));
  if (user !== undefined) ownFolder(folder, user);
  const gateway = await freePort();
  const layout = layoutOf(environment, process.cwd());
  const values = gatewayValues({ layout: { ...layout, ports: { ...layout.ports, ...ports, gateway } }, folder, tls: false });
  const template = readFileSync('deploy/nginx/gateway.conf.template', 'utf8');
  const conf = join(folder, 'nginx.conf');
  writeFor(user, conf, nginxConf({ folder, gateway: fillTemplate(template, values), cores: 2 }));
  gateways.push(
    spawn(nginxProgram(), ['-p', folder, '-c', conf, '-e', 'stderr'], {
      stdio: 'ignore',
      cwd: '/',
      ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
    }),
  );
  for (let tries = 0; tries < 200; tries++) {
    const up = await ask('/gateway/livez', {}, gateway).catch(() => null);
    if (up?.status === 200) return gateway;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`nginx did not come up on port ${gateway}`);
}

function ask(
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
  to: number = port,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', port: to, path, agent: false, method: options.method ?? 'GET', headers: options.headers ?? {} },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          const isProblem = response.headers['content-type'] === 'application/problem+json';
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, problem: isProblem ? JSON.parse(text) : {} });
        });
      },
    );
    sent.on('error', reject);
    sent.end(options.body);
  });
}

/** Sends bytes as they are and gives back what comes until the connection ends. */
async function raw(bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
  socket.on('error', () => undefined);
  socket.write(bytes);
  await once(socket, 'close');
  return text;
}

/** As a service takes it from what the gateway passed on. */
function traceIdOf(headers: IncomingHttpHeaders): string {
  return String(headers['traceparent']).slice(3, 35);
}

beforeAll(async () => {
  const ports = { reserve: await portOf(services.reserve), checkout: await portOf(services.checkout), audit: await portOf(services.audit) };
  refusals.on('message', (datagram) => turnedAway.push(refusalOfDatagram(datagram)));
  refusals.bind(ports.reserve, '127.0.0.1');
  await once(refusals, 'listening');
  port = await startGateway({}, ports);
  limitedPort = await startGateway({ GATEWAY_LIMIT_LOOPBACK: 'true' }, ports);
});

afterAll(async () => {
  refusals.close();
  await Promise.all(
    gateways.map(async (gateway) => {
      gateway.kill('SIGTERM');
      if (gateway.exitCode === null) await once(gateway, 'close');
    }),
  );
  for (const one of Object.values(services)) {
    one.closeAllConnections();
    one.close();
  }
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => {
  seen = [];
  behave = undefined;
});

test.each([
  ['GET', '/v1/sales/s-routes/report', 'reserve'],
  ['POST', '/v1/sales', 'reserve'],
  ['POST', '/v1/sales/s/reservations', 'reserve'],
  ['GET', '/v1/reservations/r', 'reserve'],
  ['GET', '/v1/reservations/r/events', 'reserve'],
  ['POST', '/v1/checkouts/c/purchase', 'reserve'],
  ['POST', '/api/v1/products/a/reserve', 'reserve'],
  ['GET', '/errors/sold_out', 'reserve'],
  ['GET', '/v1/ordersomething', 'reserve'],
  ['POST', '/v1/orders', 'checkout'],
  ['GET', '/v1/orders/o?wait=1', 'checkout'],
  ['POST', '/api/v1/orders/checkout', 'checkout'],
  ['POST', '/api/v1/checkout', 'checkout'],
  ['GET', '/api/v1/orders/o', 'checkout'],
  ['GET', '/v1/reservations/r/receipt', 'audit'],
  ['GET', '/v1/audit/keys', 'audit'],
  ['GET', '/v1/audit/sales/s/events', 'audit'],
  ['POST', '/v1/audit/sales/s/verify', 'audit'],
  ['GET', '/v1/audit/sales/s/proof/inclusion?seq=1', 'audit'],
  ['GET', '/v1/audit/attempts?sale_id=s', 'audit'],
])('%s %s goes to %s', async (method, path, expected) => {
  expect((await ask(path, { method })).status).toBe(200);
  expect(seen).toMatchObject([{ service: expected, method, path }]);
});

test.each(['/metrics', '/metrics/', '/Metrics', '//metrics', '/%6detrics', '/v1/../metrics'])('%s is not served outside', async (path) => {
  const { status, problem } = await ask(path);
  expect({ status, code: problem['code'] }).toEqual({ status: 404, code: 'not_found' });
  expect(seen).toEqual([]);
});

describe('ids', () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

  test('are passed on and answered as they came', async () => {
    const { headers } = await ask('/v1/orders', { headers: { 'x-request-id': 'mine/1', traceparent } });
    expect(seen[0]?.headers).toMatchObject({ 'x-request-id': 'mine/1', traceparent });
    expect(headers).toMatchObject({ 'x-request-id': 'mine/1', 'x-trace-id': '0af7651916cd43dd8448eb211c80319c' });
  });

  test.each([
    ['none', {}],
    ['what would break the JSON of a problem', { 'x-request-id': 'a"b', traceparent: '00-zz-zz-01' }],
  ])('are made for %s', async (_name, headers) => {
    const answer = await ask('/v1/orders', { headers });
    const made = seen[0]!.headers;
    expect(made['x-request-id']).toMatch(/^req_[0-9a-f]{32}$/);
    expect(made['traceparent']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(answer.headers['x-request-id']).toBe(made['x-request-id']);
    expect(answer.headers['x-trace-id']).toBe(String(made['traceparent']).slice(3, 35));
  });
});

describe('limits', () => {
  test('a body of 64 KiB passes, a byte more is refused, also when its length is not said', async () => {
    const fits = 'x'.repeat(65_536);
    expect((await ask('/v1/orders', { method: 'POST', body: fits })).status).toBe(200);
    const tooLarge = await ask('/v1/orders', { method: 'POST', body: `${fits}x` });
    expect(tooLarge).toMatchObject({
      status: 413,
      problem: { code: 'body_too_large', instance: '/v1/orders', errors: [], retryable: false },
    });
    const chunked = await ask('/v1/orders', { method: 'POST', body: `${fits}x`, headers: { 'transfer-encoding': 'chunked' } });
    expect(chunked).toMatchObject({ status: 413, problem: { code: 'body_too_large' } });
  });

  test('headers of 15 KiB pass, of 18 KiB are refused, and so is such a path', async () => {
    expect((await ask('/v1/orders', { headers: { 'x-pad': 'x'.repeat(15_000) } })).status).toBe(200);
    for (const answer of [
      await ask('/v1/orders', { headers: { 'x-pad': 'x'.repeat(18_000) } }),
      await ask('/v1/orders', { headers: { 'x-pad': 'x'.repeat(9_000), 'x-more': 'x'.repeat(9_000) } }),
      await ask(`/v1/orders?${'x'.repeat(18_000)}`),
    ]) {
      expect(answer).toMatchObject({ status: 431, problem: { code: 'header_too_large', status: 431 } });
    }
  });

  test.each([
    'GET /v1/orders HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
    'not http at all\r\n\r\n',
    'GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET /v1/orders HTTP/9.9\r\nHost: a\r\n\r\n',
    'POST /v1/orders HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nConnection: close\r\n\r\n',
  ])('what is not HTTP is a problem too: %j', async (bytes) => {
    const answer = await raw(bytes);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(JSON.parse(answer.slice(answer.indexOf('{')))).toMatchObject({ status: 400, code: 'invalid_request', errors: [] });
  });

  test('a method that is never passed on is refused with those that are', async () => {
    const answer = await ask('/v1/orders', { method: 'TRACE' });
    expect(answer).toMatchObject({
      status: 405,
      headers: { allow: 'GET, HEAD, POST, OPTIONS', 'x-request-id': expect.any(String), 'x-trace-id': expect.any(String) },
      problem: { code: 'method_not_allowed', status: 405 },
    });
  });

  test('a client that asks too often is told when to come back; another one is not held up', async () => {
    const ofOne = { headers: { authorization: 'Bearer one' } };
    const answers = await Promise.all(Array.from({ length: 200 }, () => ask('/v1/orders', ofOne, limitedPort)));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(50);
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(100);
    expect(refused[0]).toMatchObject({ problem: { code: 'rate_limited', retryable: true }, headers: { 'retry-after': '1' } });
    expect(refused[0]?.headers).toHaveProperty('ratelimit-policy');
    expect((await ask('/v1/orders', { headers: { authorization: 'Bearer two' } }, limitedPort)).status).toBe(200);
  });

  test('a browser that asks too often is sent to the waiting room, which is never full', async () => {
    const headers = { authorization: 'Bearer browser', accept: 'text/html,application/xhtml+xml' };
    const all = await Promise.all(Array.from({ length: 200 }, () => ask('/v1/reservations/r?wait=1&x=a%20b', { headers }, limitedPort)));
    const sent = all.filter(({ status }) => status !== 200);
    expect(sent.length).toBeGreaterThan(50);
    expect(new Set(sent.map(({ status, headers: { location } }) => `${status} ${location ?? ''}`))).toEqual(
      new Set(['302 /waiting-room?after=1&to=/v1/reservations/r?wait=1&x=a%20b']),
    );
    expect(sent[0]?.headers).toMatchObject({ 'retry-after': '1', 'x-request-id': expect.any(String), 'cache-control': 'no-store' });
    // What is no reading is told that it was not carried out.
    const posts = await Promise.all(Array.from({ length: 200 }, () => ask('/v1/orders', { headers, method: 'POST' }, limitedPort)));
    expect(new Set(posts.map(({ status }) => status))).toEqual(new Set([200, 429]));
    seen = [];
    behave = (_request, response) =>
      response.writeHead(200, { 'content-type': 'text/html', 'cache-control': 'public, max-age=60' }).end('page');
    const waiting = await Promise.all(
      Array.from({ length: 300 }, (_, n) => ask(`/waiting-room?after=1&to=/a${n}`, { headers }, limitedPort)),
    );
    expect(new Set(waiting.map(({ status }) => status))).toEqual(new Set([200]));
    expect(seen).toHaveLength(1);
  });
});

test('before a full house everyone is told at once when to come back', async () => {
  const held: (() => void)[] = [];
  behave = (_request, response) => held.push(() => response.end('{}'));
  const path = '/v1/sales/s-full/reservations';
  const inside = Array.from({ length: 1_000 }, () => ask(path, { method: 'POST', body: '{}' }));
  for (let tries = 0; tries < 400 && held.length < inside.length; tries++) await new Promise((resolve) => setTimeout(resolve, 25));
  expect(held).toHaveLength(inside.length);
  seen = [];
  const outside = await Promise.all(Array.from({ length: 50 }, () => ask(path, { method: 'POST', body: '{}' })));
  for (const { status, headers, problem } of outside) {
    expect({ status, problem }).toMatchObject({ status: 503, problem: { code: 'house_full', retryable: true, instance: path } });
    expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(2);
    expect(Number(headers['retry-after'])).toBeLessThanOrEqual(16);
  }
  expect(new Set(outside.map(({ headers }) => headers['retry-after'])).size).toBeGreaterThan(3);
  const browser = await ask(path, { headers: { accept: 'text/html' } });
  expect(browser).toMatchObject({
    status: 302,
    headers: { location: `/waiting-room?after=${browser.headers['retry-after'] ?? ''}&to=${path}` },
  });
  expect(seen).toEqual([]);
  // What is no reservation has places of its own.
  behave = undefined;
  expect((await ask('/v1/orders', { method: 'POST' })).status).toBe(200);
  for (const end of held) end();
  expect(new Set((await Promise.all(inside)).map(({ status }) => status))).toEqual(new Set([200]));
  expect((await ask(path, { method: 'POST', body: '{}' })).status).toBe(200);
});

describe('the microcache', () => {
  test('many readers at once are one question, each with an id of its own', async () => {
    behave = (request, response) =>
      setTimeout(
        () =>
          response
            .writeHead(200, { 'cache-control': 'public, max-age=1', etag: '"7"', 'x-trace-id': traceIdOf(request.headers) })
            .end('{"as_of_seq":7}'),
        50,
      );
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask('/v1/sales/s-many/availability')));
    expect(new Set(answers.map(({ text }) => text))).toEqual(new Set(['{"as_of_seq":7}']));
    expect(new Set(answers.map(({ headers }) => headers['x-request-id'])).size).toBe(100);
    expect(answers[0]?.headers).toMatchObject({ etag: '"7"', 'cache-control': 'public, max-age=1' });
    expect(seen.length).toBe(1);
    // The trace in which the figures were read.
    expect(new Set(answers.map(({ headers }) => headers['x-trace-id']))).toEqual(new Set([traceIdOf(seen[0]!.headers)]));
    const unchanged = await ask('/v1/sales/s-many/availability', { headers: { 'if-none-match': '"7"' } });
    expect({ status: unchanged.status, text: unchanged.text }).toEqual({ status: 304, text: '' });
  });

  test('an answer from the cache carries the ids of its own request, where the client names them', async () => {
    const path = '/v1/sales/s-ids/availability';
    behave = (request, response) =>
      response.writeHead(200, { 'cache-control': 'public, max-age=1', 'x-trace-id': traceIdOf(request.headers) }).end('{}');
    const first = await ask(path);
    expect(seen[0]?.headers['x-request-id']).toBe(first.headers['x-request-id']);
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const named = await ask(path, { headers: { 'x-request-id': 'mine-2', traceparent } });
    expect(named.headers).toMatchObject({
      'x-cache': 'HIT',
      'x-request-id': 'mine-2',
      'x-trace-id': '0af7651916cd43dd8448eb211c80319c',
    });
    const strange = await ask(path, { headers: { 'x-request-id': 'a"b', traceparent: '00-zz-zz-01' } });
    expect(strange.headers).toMatchObject({ 'x-cache': 'HIT', 'x-trace-id': first.headers['x-trace-id'] });
    expect(strange.headers['x-request-id']).toMatch(/^req_[0-9.]+-\d+-\d+$/);
  });

  test('when the figures are a second old one reader waits for new ones, and who comes meanwhile is shown the old', async () => {
    const path = '/v1/sales/s-renewed/availability';
    let asked = 0;
    behave = (_request, response) => {
      const answer = `{"as_of_seq":${(asked += 1)}}`;
      setTimeout(() => response.writeHead(200, { 'cache-control': 'public, max-age=1' }).end(answer), asked === 1 ? 0 : 300);
    };
    const pause = () => new Promise<null>((resolve) => setTimeout(() => resolve(null), 100));
    let waits = ask(path);
    // nginx counts whole seconds: one to two.
    while ((await Promise.race([waits, pause()])) !== null) {
      await pause();
      waits = ask(path);
    }
    const meanwhile = await Promise.all(Array.from({ length: 50 }, () => ask(path)));
    expect(new Set(meanwhile.map(({ text, headers }) => `${headers['x-cache'] as string} ${text}`))).toEqual(
      new Set(['UPDATING {"as_of_seq":1}']),
    );
    expect(new Set(meanwhile.map(({ headers }) => headers['x-request-id'])).size).toBe(50);
    expect((await waits).text).toBe('{"as_of_seq":2}');
    expect((await ask(path)).text).toBe('{"as_of_seq":2}');
    expect(asked).toBe(2);
  });

  test.each(['/v1/sales', '/v1/sales/s-public', '/v1/sales/s-public/availability'])(
    '%s never sees a token, so nothing of one user is cached',
    async (path) => {
      await ask(path, { headers: { authorization: 'Bearer secret' } });
      expect(seen).toHaveLength(1);
      expect(seen[0]?.headers).not.toHaveProperty('authorization');
    },
  );

  test('all else is asked each time, with the token', async () => {
    for (let times = 0; times < 2; times++) await ask('/v1/sales/s/report', { headers: { authorization: 'Bearer secret' } });
    expect(seen.map(({ headers }) => headers['authorization'])).toEqual(['Bearer secret', 'Bearer secret']);
  });

  test('problems are not cached: they name their request', async () => {
    behave = (_request, response) =>
      response.writeHead(404, { 'content-type': 'application/problem+json' }).end('{"code":"sale_not_found"}');
    for (let times = 0; times < 2; times++) expect((await ask('/v1/sales/s-none')).problem).toEqual({ code: 'sale_not_found' });
    expect(seen).toHaveLength(2);
  });
});

test('server-sent events go out as they come', async () => {
  let end: (() => void) | undefined;
  behave = (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('event: status\n\n');
    end = () => response.end();
  };
  const first = await new Promise<string>((resolve, reject) => {
    request({ host: '127.0.0.1', port, path: '/v1/reservations/r/events', agent: false }, (response) => {
      response.once('data', (chunk: Buffer) => resolve(chunk.toString('utf8')));
    })
      .on('error', reject)
      .end();
  });
  expect(first).toBe('event: status\n\n');
  end?.();
});

describe('who is turned away', () => {
  const headers = { 'user-agent': 'A "device" of the tests', authorization: 'Bearer three' };

  test.each<[string, string, Record<string, string>, Partial<Attempt>]>([
    ['a request', '/v1/sales/s-1/reservations', {}, { saleId: 's-1', reason: 'gateway_rate_limited' }],
    ['a browser', '/v1/sales/s-2/report', { accept: 'text/html' }, { saleId: 's-2', reason: 'sent_to_wait' }],
    ['a strange request id', '/v1/sales/s-3/report', { 'x-request-id': 'a "quoted" one' }, { saleId: 's-3' }],
  ])('is told to the reserve service: %s', async (name, path, more, expected) => {
    turnedAway = [];
    const authorization = `Bearer ${name}`;
    const ask200 = Array.from({ length: 200 }, () => ask(path, { headers: { ...headers, authorization, ...more } }, limitedPort));
    const refused = (await Promise.all(ask200)).filter(({ status }) => status === 429 || status === 302);
    expect(refused.length).toBeGreaterThan(0);
    for (let tries = 0; tries < 40 && turnedAway.length < refused.length; tries++) await new Promise((resolve) => setTimeout(resolve, 25));
    expect(turnedAway).toHaveLength(refused.length);
    expect(new Set(turnedAway.map((one) => one?.requestId))).toEqual(new Set(refused.map((one) => one.headers['x-request-id'])));
    const told = { address: '127.0.0.1', device: headers['user-agent'], atMs: expect.any(Number), ...expected };
    for (const one of turnedAway) expect(one).toMatchObject(told);
    expect(Math.abs((turnedAway[0]?.atMs ?? 0) - Date.now())).toBeLessThan(10_000);
  });

  test('whoever is answered is not told of', async () => {
    turnedAway = [];
    for (const path of ['/v1/sales', '/v1/reservations/r', '/metrics', '/gateway/livez']) await ask(path);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(turnedAway).toEqual([]);
  });
});

describe('health', () => {
  test('is that of all services', async () => {
    for (const path of ['/livez', '/readyz']) {
      seen = [];
      expect((await ask(path)).status).toBe(200);
      expect(seen.map(({ service: name, path: asked }) => `${name} ${asked}`).sort()).toEqual([
        // A log that is not signed turns nobody away.
        'audit /livez',
        `checkout ${path}`,
        `reserve ${path}`,
      ]);
    }
  });

  test.each(['reserve', 'checkout', 'audit'])('is bad when %s is not ready', async (name) => {
    behave = (incoming, response) => {
      const own = incoming.socket.localPort === (services[name as 'reserve'].address() as AddressInfo).port;
      response.writeHead(own ? 503 : 200).end('{}');
    };
    expect((await ask('/readyz')).status).toBe(503);
  });
});

// The last one: it ends a service.
test('a service that is away is a problem that says to come back', async () => {
  services.checkout.closeAllConnections();
  services.checkout.close();
  await once(services.checkout, 'close');
  const answer = await ask('/v1/orders/o', { method: 'POST', headers: { 'x-request-id': 'r-1' } });
  expect(answer).toMatchObject({
    status: 503,
    headers: { 'retry-after': '1', 'x-request-id': 'r-1' },
    problem: {
      type: expect.stringMatching(/^http:\/\/localhost:\d+\/errors\/upstream_unavailable$/),
      status: 503,
      code: 'upstream_unavailable',
      retryable: true,
      instance: '/v1/orders/o',
      request_id: 'r-1',
      errors: [],
    },
  });
  expect(answer.problem['trace_id']).toMatch(/^[0-9a-f]{32}$/);
  expect((await ask('/readyz')).status).toBe(503);
  expect((await ask('/v1/reservations/r')).status).toBe(200);
});
