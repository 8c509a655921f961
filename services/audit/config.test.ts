import { parseAuditConfig } from './config.ts';

test('the defaults are those of a developer’s machine', () => {
  expect(parseAuditConfig({})).toMatchObject({
    AUDIT_DATABASE_URL: 'postgres://firstcome_audit:firstcome@127.0.0.1:5460/firstcome',
    AUDIT_ORIGIN: 'firstcome.local/log',
    AUDIT_KEYS_DIR: '.local/audit/keys',
    AUDIT_STATE_DIR: '.local/audit/state',
    HTTP_PORT: 8107,
  });
});

test.each<[string, Record<string, string>, RegExp]>([
  ['production that takes anyone for anyone', { NODE_ENV: 'production' }, /AUTH_MODE=dev/],
  ['a name with a space', { AUDIT_ORIGIN: 'a b' }, /AUDIT_ORIGIN/],
  ['a name with a plus', { AUDIT_ORIGIN: 'a+b' }, /AUDIT_ORIGIN/],
  ['a name that ends where a sale’s begins', { AUDIT_ORIGIN: 'example.com/' }, /AUDIT_ORIGIN/],
  ['another kind of database', { AUDIT_DATABASE_URL: 'mysql://x' }, /AUDIT_DATABASE_URL/],
])('refuses: %s', (_what, environment, message) => {
  expect(() => parseAuditConfig(environment)).toThrow(message);
});
