import { parseEdgeConfig } from './edge-config.ts';

const secret = 'a secret that is long enough';
const production = { NODE_ENV: 'production', AUTH_MODE: 'jwt', JWT_SECRET: secret, USER_REF_SECRET: secret };

test('the defaults are those of a developer’s machine', () => {
  expect(parseEdgeConfig({}, 8101)).toMatchObject({
    AUTH_MODE: 'dev',
    HTTP_HOST: '127.0.0.1',
    HTTP_PORT: 8101,
    LINE_PARTITIONS: 64,
    ERRORS_BASE_URL: 'http://localhost:8080/errors',
    RATE_LIMIT_REQUESTS: 500,
    RATE_LIMIT_WINDOW_SECONDS: 10,
  });
});

test('production starts with its own secrets', () => {
  expect(parseEdgeConfig(production, 8101).AUTH_MODE).toBe('jwt');
});

test.each<[string, Record<string, string | undefined>, RegExp]>([
  ['production with developers’ headers', { ...production, AUTH_MODE: 'dev' }, /AUTH_MODE=dev/],
  ['production that does not say how', { ...production, AUTH_MODE: undefined }, /AUTH_MODE=dev/],
  ['production with the secret everybody knows', { ...production, USER_REF_SECRET: undefined }, /USER_REF_SECRET/],
  ['tokens without a key', { AUTH_MODE: 'jwt' }, /JWT_SECRET/],
  ['a short secret', { JWT_SECRET: 'short' }, /JWT_SECRET/],
  ['a key that is none', { JWT_PUBLIC_KEY: 'nonsense' }, /JWT_PUBLIC_KEY/],
  ['a rate of nothing', { RATE_LIMIT_REQUESTS: '0' }, /RATE_LIMIT_REQUESTS/],
])('refuses: %s', (_name, environment, message) => {
  expect(() => parseEdgeConfig(environment, 8101)).toThrow(message);
});
