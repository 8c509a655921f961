import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CATALOGUE, type CatalogueEntry } from '#shared/http/catalogue.ts';
import { serviceEnvironment } from './environment.ts';
import { clusterIdFrom, serverProperties } from './kafka.ts';
import { layoutOf } from './layout.ts';
import { fillTemplate, gatewayValues, nginxConf } from './nginx.ts';
import { javaMajor } from './packages.ts';
import { postgresConf } from './postgres.ts';
import { redisConf } from './redis.ts';
import { chooseServerUser } from './server-user.ts';

/** Configuration that the stack writes for its servers and hands to its services. */

const gib = 1024 ** 3;

test('PostgreSQL is durable, alone on this machine, and sized for it', () => {
  const conf = postgresConf({ port: 5460, memoryBytes: 24 * gib, cores: 2, lz4: true });
  for (const line of [
    'fsync = on',
    'synchronous_commit = on',
    'full_page_writes = on',
    'shared_buffers = 2048MB',
    'wal_compression = lz4',
    'log_min_error_statement = panic',
  ]) {
    expect(conf).toContain(`\n${line}`);
  }
  expect(conf).toContain(`listen_addresses = '127.0.0.1'`);
  expect(postgresConf({ port: 1, memoryBytes: 2 * gib, cores: 2, lz4: false })).toContain('shared_buffers = 256MB');
  expect(postgresConf({ port: 1, memoryBytes: 2 * gib, cores: 2, lz4: false })).toContain('wal_compression = off');
});

test('Kafka makes no topic by itself and needs no second broker', () => {
  const properties = serverProperties({ port: 9192, controllerPort: 9194, data: '/d' }).split('\n');
  expect(properties).toEqual(expect.arrayContaining(['auto.create.topics.enable=false', 'log.preallocate=false']));
  expect(properties).toContain('listeners=PLAINTEXT://127.0.0.1:9192,CONTROLLER://127.0.0.1:9194');
  const copies = properties.filter((line) => /(replication\.factor|min\.isr|min\.insync\.replicas)=/.test(line));
  expect(copies.length).toBeGreaterThan(4);
  expect(copies.filter((line) => !line.endsWith('=1'))).toEqual([]);
});

test('who comes to Kafka through a proxy is told to go on through it', () => {
  const proxied = [
    { listen: 9201, advertised: 9301 },
    { listen: 9202, advertised: 9302 },
  ];
  const properties = serverProperties({ port: 9192, controllerPort: 9194, data: '/d', proxied }).split('\n');
  expect(properties).toEqual(
    expect.arrayContaining([
      'listeners=PLAINTEXT://127.0.0.1:9192,CONTROLLER://127.0.0.1:9194,PROXIED0://127.0.0.1:9201,PROXIED1://127.0.0.1:9202',
      'advertised.listeners=PLAINTEXT://127.0.0.1:9192,PROXIED0://127.0.0.1:9301,PROXIED1://127.0.0.1:9302',
      'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED0:PLAINTEXT,PROXIED1:PLAINTEXT',
    ]),
  );
});

test('a cluster id never looks like an option', () => {
  expect(clusterIdFrom(Buffer.alloc(16, 0xf8))).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/);
});

test('Redis keeps nothing and is bounded', () => {
  const conf = redisConf({ port: 6390, folder: '/r' }).split('\n');
  expect(conf).toEqual(
    expect.arrayContaining(['bind 127.0.0.1', 'save ""', 'appendonly no', 'maxmemory 512mb', 'maxmemory-policy allkeys-lru']),
  );
});

describe('the gateway', () => {
  const template = readFileSync('deploy/nginx/gateway.conf.template', 'utf8');
  const gateway = (environment: Record<string, string>, tls = false) =>
    fillTemplate(template, gatewayValues({ layout: layoutOf(environment, '/checkout'), folder: '/f', tls }));

  test('listens on this machine only, on the ports of its stack', () => {
    const conf = nginxConf({ folder: '/f', gateway: gateway({ PORT_OFFSET: '100' }, true), cores: 2 });
    expect(conf.match(/listen .*/g)).toEqual(['listen 127.0.0.1:8180 backlog=4096;', 'listen 127.0.0.1:8543 ssl http2;']);
    expect(conf).toContain('server 127.0.0.1:8201;');
    expect(conf).toContain('upstream audit { server 127.0.0.1:8207;');
    expect(conf).toContain('"type":"http://localhost:8180/errors/rate_limited"');
    // Comments may speak of it; no name is left to be filled in.
    expect(conf).not.toMatch(/\$\{[A-Z]/);
  });

  test('limits this machine’s clients only where tokens are wanted', () => {
    expect(gateway({})).toContain('127.0.0.0/8 1;');
    expect(gateway({ AUTH_MODE: 'jwt' })).not.toContain('127.0.0.0/8 1;');
  });

  test('a template and its values fit each other', () => {
    expect(() => fillTemplate('${A}${B}', { A: '1' })).toThrow('${B}');
    expect(() => fillTemplate('${A}', { A: '1', C: '2' })).toThrow('C');
  });

  test('its problems are those of the catalogue', () => {
    const problems = [...gateway({}).matchAll(/return (\d+) '(\{"type".*?),\$firstcome_problem_tail';/g)].map(([, status, json]) => {
      const { type, ...rest } = JSON.parse(`${json!}}`) as {
        type: string;
        code: string;
        title: string;
        status: number;
        retryable: boolean;
      };
      return { ...rest, returned: Number(status), opens: type.replace('http://localhost:8080/errors/', '') };
    });
    expect(problems.map(({ code }) => code).sort()).toEqual([
      'body_too_large',
      'header_too_large',
      'house_full',
      'internal_error',
      'invalid_request',
      'method_not_allowed',
      'not_found',
      'rate_limited',
      'request_timeout',
      'upstream_unavailable',
    ]);
    for (const problem of problems) {
      const entry = (CATALOGUE as Readonly<Record<string, CatalogueEntry>>)[problem.code];
      expect({ code: problem.code, inCatalogue: entry !== undefined }).toEqual({ code: problem.code, inCatalogue: true });
      const { status, title, retryable } = entry!;
      expect(problem).toMatchObject({ opens: problem.code, status, returned: status, title, retryable });
    }
  });
});

describe('what services get', () => {
  let home = '';
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'firstcome-settings-'));
  });
  afterEach(() => {
    rmSync(home, { recursive: true, force: true });
  });

  test('addresses of their own stack, whatever is set outside', () => {
    const own = layoutOf({ FIRSTCOME_HOME: home, PORT_OFFSET: '10000' }, '/checkout');
    const environment = serviceEnvironment(own, {
      DATABASE_URL: 'postgres://elsewhere',
      LOG_LEVEL: 'warn',
      STACK_ONLY: 'servers',
      HTTP_PORT: '1',
    });
    expect(environment).toMatchObject({
      DATABASE_URL: 'postgres://firstcome_app:firstcome@127.0.0.1:15460/firstcome',
      DATABASE_OWNER_URL: 'postgres://firstcome:firstcome@127.0.0.1:15460/firstcome',
      AUDIT_DATABASE_URL: 'postgres://firstcome_audit:firstcome@127.0.0.1:15460/firstcome',
      AUDIT_KEYS_DIR: join(home, 'audit', 'keys'),
      AUDIT_STATE_DIR: join(home, 'audit', 'state'),
      AUDIT_ORIGIN: 'firstcome.local/log',
      KAFKA_BROKERS: '127.0.0.1:19192',
      REDIS_URL: 'redis://127.0.0.1:16390',
      PAYMENT_GATEWAY_URL: 'http://127.0.0.1:18106',
      LOG_LEVEL: 'warn',
    });
    expect(serviceEnvironment(own, { AUDIT_ORIGIN: 'example.com/log' })).toMatchObject({ AUDIT_ORIGIN: 'example.com/log' });
    expect(environment).not.toHaveProperty('STACK_ONLY');
    expect(environment).not.toHaveProperty('HTTP_PORT');
  });

  test('secrets of their stack: the same each time, others for another stack, given ones first', () => {
    const own = layoutOf({ FIRSTCOME_HOME: home }, '/checkout');
    const other = layoutOf({ FIRSTCOME_HOME: join(home, 'other') }, '/checkout');
    const secret = serviceEnvironment(own, {})['USER_REF_SECRET'];
    expect(secret).toHaveLength(43);
    expect(serviceEnvironment(own, {})['USER_REF_SECRET']).toBe(secret);
    expect(serviceEnvironment(other, {})['USER_REF_SECRET']).not.toBe(secret);
    expect(serviceEnvironment(own, { USER_REF_SECRET: 'given' })['USER_REF_SECRET']).toBe('given');
  });
});

const passwd = 'root:x:0:0::/:\nnobody:x:65534:65533::/:\n';
test.each([
  ['an ordinary user runs it', { uid: 1000 }, undefined],
  ['root for somebody', { uid: 0, sudoUid: '1000', sudoGid: '100' }, { uid: 1000, gid: 100 }],
  ['root in somebody’s checkout', { uid: 0, owner: { uid: 7, gid: 8 } }, { uid: 7, gid: 8 }],
  ['root alone', { uid: 0 }, { uid: 65534, gid: 65533 }],
  ['root by sudo of root', { uid: 0, sudoUid: '0' }, { uid: 65534, gid: 65533 }],
])('server user: %s', (_name, given, expected) => {
  const chosen = chooseServerUser({ sudoUid: undefined, sudoGid: undefined, owner: { uid: 0, gid: 0 }, passwd, ...given });
  if (expected === undefined) expect(chosen).toBeUndefined();
  else expect(chosen).toMatchObject(expected);
});

test.each([
  ['openjdk version "17.0.15" 2025-04-15', 17],
  ['java version "1.8.0_401"', 8],
  ['openjdk version "26-ea"', 26],
  ['nonsense', null],
])('java: %s', (printed, major) => {
  expect(javaMajor(printed)).toBe(major);
});
