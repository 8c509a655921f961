import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { RetryableFault } from '#shared/faults/faults.ts';
import { answerManual, type ManualPorts } from './operator-routes.ts';

let ports: ManualPorts;
let server: Server;
let base: string;
beforeAll(async () => {
  server = createServer((request, response) => {
    answerManual(ports, request, response).then(
      (answered) => answered || response.writeHead(404).end(),
      () => response.writeHead(500).end(),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/manual`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const order = '00000000-0000-8000-8000-000000000001';
const settle = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"as":"retry"}' };

test.each<[string, RequestInit]>([
  ['', {}],
  [`/${order}/settle`, settle],
])('while PostgreSQL is away GET or POST /v1/manual%s is 503 and says when to come back', async (path, init) => {
  const away = () => Promise.reject(new RetryableFault('ledger_unreachable', 'PostgreSQL is away; try again'));
  ports = { list: away, settle: away };
  const answer = await fetch(base + path, init);
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
  expect(await answer.json()).toEqual({ code: 'ledger_unreachable', detail: 'PostgreSQL is away; try again' });
});

test('the list, a settlement, and what is neither', async () => {
  ports = { list: () => Promise.resolve([]), settle: () => Promise.resolve({ kind: 'not_found' }) };
  expect(await (await fetch(base)).json()).toEqual({ data: [] });
  expect((await fetch(`${base}/${order}/settle`, settle)).status).toBe(404);
  expect((await fetch(`${base}/${order}/settle`, { ...settle, headers: { 'content-type': 'text/plain' } })).status).toBe(415);
  expect((await fetch(`${base}/${order}/settle`, { ...settle, body: '{"as":"paid"}' })).status).toBe(400);
  expect((await fetch(base, { method: 'DELETE' })).status).toBe(404);
});
