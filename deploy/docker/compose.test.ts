import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { fillTemplate } from '#deploy/local/nginx.ts';
import { allocatorSettings, writerArgs } from '#deploy/local/our-services.ts';
import { PARTS } from '#deploy/local/parts.ts';

/** What the schema of compose files cannot see: whether the names in ours fit each other and the native stack. */

interface Service {
  readonly image: string;
  readonly command?: string[];
  readonly user?: string;
  readonly ports?: string[];
  readonly environment?: Record<string, string>;
  readonly depends_on?: Record<string, { condition: string }>;
  readonly healthcheck?: { test?: string[]; disable?: boolean };
  readonly volumes?: string[];
}

const compose = parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
const services = Object.entries(compose.services);

test('it has every part of the native stack', () => {
  expect(Object.keys(compose.services)).toEqual(expect.arrayContaining(PARTS.map(({ name }) => name)));
});

test.each(services)('%s: waits for parts that there are, in a way they can be waited for', (_name, { depends_on = {} }) => {
  for (const [name, { condition }] of Object.entries(depends_on)) {
    const waitedFor = compose.services[name];
    expect(waitedFor).toBeDefined();
    if (condition === 'service_healthy') expect(waitedFor?.healthcheck?.test?.length).toBeGreaterThan(1);
    else expect({ name, condition }).toEqual({ name: 'prepare', condition: 'service_completed_successfully' });
  }
});

test.each(services.filter(([, { image }]) => image === 'firstcome'))('%s: its program is there and is not root', (_name, service) => {
  expect(existsSync(service.command!.at(-1)!)).toBe(true);
  expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'] });
});

test('nothing but the gateway can be reached from outside, and that only from this machine', () => {
  expect(services.flatMap(([, { ports = [] }]) => ports)).toEqual(['127.0.0.1:8080:8080']);
});

test.each(services)('%s: mounts what there is', (_name, { volumes = [] }) => {
  for (const volume of volumes) {
    const source = volume.split(':')[0]!;
    expect(source.startsWith('.') ? existsSync(source) : source in compose.volumes).toBe(true);
  }
});

test('addresses in the environment name parts', () => {
  const { environment = {} } = compose.services['writer']!;
  const urls = Object.entries(environment).filter(([name]) => name.endsWith('_URL') && name !== 'ERRORS_BASE_URL');
  const hosts = [...urls.map(([, url]) => new URL(url).hostname), environment['KAFKA_BROKERS']!.split(':')[0]!];
  expect(hosts.length).toBeGreaterThan(3);
  for (const host of hosts) expect(compose.services).toHaveProperty(host);
});

test.each(['writer', 'writer-standby'])('%s: takes its memory as it does on the native stack', (name) => {
  expect(compose.services[name]!.environment).toMatchObject(allocatorSettings);
  expect(writerArgs).toEqual(expect.arrayContaining(compose.services[name]!.command!.slice(0, -1)));
  expect(readFileSync('deploy/docker/Dockerfile', 'utf8')).toContain(' libjemalloc2 ');
});

test('the signing key is within reach of those who make it and use it, and of nobody else', () => {
  const holders = services.filter(([, { volumes = [] }]) => volumes.some((volume) => volume.startsWith('audit:'))).map(([name]) => name);
  expect(holders).toEqual(['prepare', 'audit']);
  const { AUDIT_KEYS_DIR, AUDIT_STATE_DIR } = compose.services['audit']!.environment!;
  for (const folder of [AUDIT_KEYS_DIR, AUDIT_STATE_DIR]) expect(folder).toMatch(/^\/var\/lib\/firstcome\/audit\//);
});

test('the gateway gets every name that its template asks for', () => {
  const { environment = {} } = compose.services['nginx']!;
  const values = Object.fromEntries(Object.entries(environment).filter(([name]) => name.startsWith('GATEWAY_')));
  const filled = fillTemplate(readFileSync('deploy/nginx/gateway.conf.template', 'utf8'), values);
  expect(filled).toContain('upstream reserve { server reserve:8100;');
});

test('the image takes what it runs, and .dockerignore lets that through', () => {
  const copied = [...readFileSync('deploy/docker/Dockerfile', 'utf8').matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, paths]) =>
    paths!.split(' '),
  );
  const allowed = readFileSync('.dockerignore', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('!'));
  for (const path of copied) {
    expect(existsSync(path)).toBe(true);
    expect(allowed).toContain(`!${path}`);
  }
  expect(copied).toEqual(expect.arrayContaining(['services', 'shared', 'schemas', 'deploy/local']));
});
