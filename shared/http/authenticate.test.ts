import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import jwt from 'jsonwebtoken';
import { createAuthenticate } from './authenticate.ts';
import { RequestRefused } from './problem.ts';

const secret = 'a secret of the tests';
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const publicPem = publicKey.export({ type: 'spki', format: 'pem' });
const privatePem = privateKey.export({ type: 'pkcs8', format: 'pem' });
const userRefSecret = 'of the tests';

const both = createAuthenticate({ devHeaders: false, jwtSecret: secret, jwtPublicKey: publicPem, userRefSecret });
const onlyRsa = createAuthenticate({ devHeaders: false, jwtPublicKey: publicPem, userRefSecret });
const dev = createAuthenticate({ devHeaders: true, jwtSecret: secret, userRefSecret });

const hs = (claims: object, options?: jwt.SignOptions) => `Bearer ${jwt.sign(claims, secret, options)}`;
const claims = { sub: 'ann', scope: 'buyer operator' };

test.each<[string, typeof both, Record<string, string>, unknown]>([
  ['HS256', both, { authorization: hs(claims) }, { userId: 'ann', scopes: ['buyer', 'operator'] }],
  ['RS256', both, { authorization: `bearer ${jwt.sign(claims, privatePem, { algorithm: 'RS256' })}` }, { userId: 'ann' }],
  ['scopes nobody knows', both, { authorization: hs({ sub: 'ann', scope: 'admin auditor' }) }, { scopes: ['auditor'] }],
  ['no scope', both, { authorization: hs({ sub: 'ann' }) }, { scopes: [] }],
  ['nothing', both, {}, null],
  ['dev headers in jwt mode', both, { 'x-user-id': 'ann' }, null],
  ['dev headers', dev, { 'x-user-id': 'ann' }, { userId: 'ann', scopes: ['buyer'] }],
  ['dev scope', dev, { 'x-user-id': 'ann', 'x-scope': 'auditor operator' }, { scopes: ['operator', 'auditor'] }],
  ['token in dev mode', dev, { authorization: hs(claims) }, { userId: 'ann' }],
])('knows the caller: %s', (_name, authenticate, headers, expected) => {
  const caller = authenticate(headers);
  if (expected === null) expect(caller).toBeNull();
  else expect(caller).toMatchObject(expected as object);
});

test.each<[string, typeof both, Record<string, string>]>([
  ['another secret', both, { authorization: `Bearer ${jwt.sign(claims, 'another secret')}` }],
  ['expired', both, { authorization: hs(claims, { expiresIn: -1 }) }],
  ['not valid yet', both, { authorization: hs(claims, { notBefore: 60 }) }],
  ['no subject', both, { authorization: hs({ scope: 'buyer' }) }],
  ['no signature', both, { authorization: `Bearer ${jwt.sign(claims, '', { algorithm: 'none' })}` }],
  ['the public key as a secret', onlyRsa, { authorization: `Bearer ${forged()}` }],
  ['HS256 where only RS256 is set', onlyRsa, { authorization: hs(claims) }],
  ['HS512', both, { authorization: hs(claims, { algorithm: 'HS512' }) }],
  ['Basic', both, { authorization: 'Basic YTpi' }],
  ['nonsense', both, { authorization: 'Bearer a.b.c' }],
  ['a user id with a line break', dev, { 'x-user-id': 'a\nb' }],
])('refuses: %s', (_name, authenticate, headers) => {
  expect(() => authenticate(headers)).toThrow(RequestRefused);
});

/** An HMAC made with the public key, which anyone has. */
function forged(): string {
  const signed = jwt.sign(claims, 'placeholder').split('.').slice(0, 2).join('.');
  return `${signed}.${Buffer.from(publicPem).toString('base64url').slice(0, 43)}`;
}

test('a verified token is believed until it expires', () => {
  let now = Date.now();
  const authenticate = createAuthenticate({ devHeaders: false, jwtSecret: secret, userRefSecret, now: () => now });
  const headers = { authorization: hs(claims, { expiresIn: 60 }) };
  expect(authenticate(headers)).toBe(authenticate(headers));
  now += 61_000;
  expect(() => authenticate(headers)).toThrow(RequestRefused);
});

test('the pseudonym says nothing without the secret and is the same each time', () => {
  const other = createAuthenticate({ devHeaders: true, userRefSecret: 'another' });
  expect(dev({ 'x-user-id': 'ann' })!.ref).toBe(both({ authorization: hs(claims) })!.ref);
  expect(dev({ 'x-user-id': 'ann' })!.ref).not.toBe(other({ 'x-user-id': 'ann' })!.ref);
});

test('whatever the headers hold, it answers or refuses', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
      for (const headers of [{ authorization: `Bearer ${a}` }, { authorization: b }, { 'x-user-id': a, 'x-scope': b }]) {
        try {
          dev(headers);
          both(headers);
        } catch (error) {
          if (!(error instanceof RequestRefused)) throw error;
        }
      }
    }),
  );
});
