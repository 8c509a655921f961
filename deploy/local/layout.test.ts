import { kafkaLibsOf, layoutOf, logOf, pidFileOf } from './layout.ts';

const root = '/checkout';

test('defaults', () => {
  const layout = layoutOf({}, root);
  expect(layout).toMatchObject({ home: '/checkout/.local', portOffset: 0, linePartitions: 64, authMode: 'dev', limitLoopback: false });
  expect(layout.only).toBeUndefined();
  expect(layout.ports).toMatchObject({ gateway: 8080, postgres: 5460, kafka: 9192, redis: 6390, writer: 8103, 'writer-standby': 8113 });
});

test('a second stack shares no port, folder, log or pid file with the first, but Kafka’s jars', () => {
  const [first, second] = [layoutOf({}, root), layoutOf({ FIRSTCOME_HOME: '.local/test', PORT_OFFSET: '10000' }, root)];
  const shared = Object.values(first.ports).filter((port) => Object.values(second.ports).includes(port));
  expect(shared).toEqual([]);
  expect(second.ports.gateway).toBe(18080);
  expect(logOf(second, 'kafka')).toBe('/checkout/.local/test/kafka/log');
  expect(pidFileOf(second, 'kafka')).not.toBe(pidFileOf(first, 'kafka'));
  expect(kafkaLibsOf(second)).toBe(kafkaLibsOf(first));
});

test.each([
  ['an absolute folder stays as it is', { FIRSTCOME_HOME: '/tmp/other' }, { home: '/tmp/other' }],
  ['parts are separated by commas', { STACK_ONLY: 'servers, writer' }, { only: ['servers', 'writer'] }],
  ['an empty value counts as absent', { STACK_ONLY: '', PORT_OFFSET: '' }, { only: undefined, portOffset: 0 }],
  [
    'proxies of Kafka',
    { KAFKA_PROXIED: '1:2,3:4' },
    {
      kafkaProxied: [
        { listen: 1, advertised: 2 },
        { listen: 3, advertised: 4 },
      ],
    },
  ],
  ['tokens wanted: everybody is limited', { AUTH_MODE: 'jwt' }, { limitLoopback: true }],
  ['unless said otherwise', { AUTH_MODE: 'jwt', GATEWAY_LIMIT_LOOPBACK: 'false' }, { limitLoopback: false }],
])('%s', (_name, environment, expected) => {
  expect(layoutOf(environment, root)).toMatchObject(expected);
});

test.each([{ PORT_OFFSET: '23001' }, { PORT_OFFSET: '-1' }, { PORT_OFFSET: 'x' }, { AUTH_MODE: 'none' }, { LINE_PARTITIONS: '0' }])(
  'refused: %j',
  (environment) => {
    expect(() => layoutOf(environment, root)).toThrow(Object.keys(environment)[0]);
  },
);
