import { Writable } from 'node:stream';
import { Counter, Histogram } from 'prom-client';
import { EXIT, superviseProcess, type ProcessPort } from './lifecycle.ts';
import { openLog, requestFields, withoutPassword } from './log.ts';
import { openMetrics, renderMetrics } from './metrics.ts';
import { startOperatorServer, type Dependency } from './operator-server.ts';

function memoryLog() {
  const lines: Record<string, unknown>[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>);
      done();
    },
  });
  return { lines, log: openLog({ service: 'test', instance: 'test-1', level: 'info', destination }) };
}

test('payment tokens and credentials never reach a log', () => {
  const { lines, log } = memoryLog();
  log.info({
    payment_method_id: 'pm_secret',
    command: { payment_method_id: 'pm_secret', sealed: { paymentMethodId: 'pm_secret' } },
    headers: { authorization: 'Bearer secret', 'set-cookie': 'secret' },
    JWT_SECRET: 'secret',
  });
  expect(JSON.stringify(lines)).not.toContain('pm_secret');
  expect(JSON.stringify(lines)).not.toContain('Bearer');
  expect(JSON.stringify(lines).match(/\[redacted\]/g)).toHaveLength(6);
});

test('a line names service, instance, request and trace', () => {
  const { lines, log } = memoryLog();
  log.info(requestFields('req-1', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'), 'decided');
  expect(lines[0]).toMatchObject({
    level: 'info',
    service: 'test',
    instance: 'test-1',
    request_id: 'req-1',
    trace_id: '0af7651916cd43dd8448eb211c80319c',
    msg: 'decided',
  });
});

test.each([
  ['postgres://u:p@h/db', 'postgres://u:***@h/db'],
  ['redis://h:1/', 'redis://h:1/'],
  ['nonsense', '(not a URL)'],
])('a URL is shown without its password: %s', (url, shown) => {
  expect(withoutPassword(url)).toBe(shown);
});

test('one registry serves both formats, again and again', async () => {
  const metrics = openMetrics('test');
  const counter = new Counter({ name: 'decisions_total', help: 'Decisions.', labelNames: ['outcome'], registers: [metrics] });
  const histogram = new Histogram({ name: 'commit_seconds', help: 'Commits.', buckets: [1], registers: [metrics], enableExemplars: true });
  counter.inc({ outcome: 'a } 1 # {b' }, 2);
  histogram.observe({ labels: {}, value: 0.5, exemplarLabels: { trace_id: 'abc' } });
  for (let round = 0; round < 2; round++) {
    const open = await renderMetrics(metrics, 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5');
    expect(open.contentType).toContain('openmetrics');
    expect(open.body).toContain('# TYPE decisions counter');
    expect(open.body).toContain('trace_id="abc"');
    expect(open.body.endsWith('# EOF\n')).toBe(true);
    const plain = await renderMetrics(metrics, 'text/plain');
    expect(plain.body).toContain('# TYPE decisions_total counter');
    expect(plain.body).toMatch(/^decisions_total\{outcome="a \} 1 # \{b",service="test"\} 2$/m);
    expect(plain.body).toMatch(/^commit_seconds_bucket\{le="1",service="test"\} 1$/m);
    expect(plain.body).not.toContain('EOF');
  }
});

test('the operators’ server says what is not ready and why', async () => {
  const { log } = memoryLog();
  let dependencies: Dependency[] = [{ name: 'postgres', ready: true }];
  const server = await startOperatorServer({
    host: '127.0.0.1',
    port: 0,
    metrics: openMetrics('test'),
    log,
    readiness: () => dependencies,
  });
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${String(server.port)}${path}`);
    return { status: response.status, body: await response.text() };
  };
  try {
    expect(await get('/livez')).toEqual({ status: 200, body: '{"status":"live"}' });
    expect((await get('/readyz')).status).toBe(200);
    dependencies = [...dependencies, { name: 'partition 3', ready: false, reason: 'the topic was made anew' }];
    const refused = await get('/readyz');
    expect(refused.status).toBe(503);
    expect(JSON.parse(refused.body)).toMatchObject({ status: 'not_ready', dependencies });
    expect((await get('/metrics')).body).toContain('process_cpu_seconds_total');
    expect((await get('/elsewhere')).status).toBe(404);
  } finally {
    await server.close();
  }
});

function fakeProcess() {
  const listeners = new Map<string, (error?: unknown) => void>();
  const codes: number[] = [];
  const port: ProcessPort = {
    on: (event: string, listener: (error?: unknown) => void) => listeners.set(event, listener),
    exit: (code: number) => {
      codes.push(code);
    },
  };
  return { port, codes, emit: (event: string, error?: unknown) => listeners.get(event)?.(error) };
}

test('SIGTERM stops in order, a second signal at once', async () => {
  const { log } = memoryLog();
  const { port, codes, emit } = fakeProcess();
  const stop = Promise.withResolvers<undefined>();
  superviseProcess({ process: port, log, stop: () => stop.promise });
  emit('SIGTERM');
  expect(codes).toEqual([]);
  emit('SIGINT');
  expect(codes).toEqual([EXIT.stopTimeout]);
  stop.resolve(undefined);
  await stop.promise;
  await Promise.resolve();
  expect(codes).toEqual([EXIT.stopTimeout, EXIT.stopped]);
});

test('an exception nobody caught crashes with the code of a bug', () => {
  const { log, lines } = memoryLog();
  const { port, codes, emit } = fakeProcess();
  superviseProcess({ process: port, log, stop: () => Promise.resolve() });
  emit('uncaughtException', new Error('assertion failed: held >= 0'));
  expect(codes).toEqual([EXIT.bug]);
  expect(JSON.stringify(lines)).toContain('assertion failed: held >= 0');
});
