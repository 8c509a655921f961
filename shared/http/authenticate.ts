import { createPublicKey } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import jwt from 'jsonwebtoken';
import type { UserRef } from '#schemas/ids.ts';
import { userRef } from '#shared/ids/derive.ts';
import { refuse } from './problem.ts';

export const SCOPES = ['buyer', 'operator', 'auditor'] as const;
export type Scope = (typeof SCOPES)[number];

/** Who is asking. Only the edge knows the user id; everything behind it knows the pseudonym. */
export interface Caller {
  readonly userId: string;
  readonly ref: UserRef;
  readonly scopes: readonly Scope[];
}

export interface AuthenticateOptions {
  /** Takes `X-User-Id` and `X-Scope` as they are. */
  readonly devHeaders: boolean;
  /** HS256. */
  readonly jwtSecret?: string | undefined;
  /** RS256, PEM. */
  readonly jwtPublicKey?: string | undefined;
  readonly userRefSecret: string;
  /** Milliseconds. */
  readonly now?: () => number;
}

/** Tokens whose signature was checked already; the oldest is dropped when there are more. */
const verifiedTokensMax = 20_000;
const tokenCharactersMax = 8_192;
const USER_ID = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/;

/**
 * Makes the function that tells who is asking: null where nobody says so. It
 * refuses (throws 401) a token that is not valid.
 */
export function createAuthenticate(options: AuthenticateOptions): (headers: IncomingHttpHeaders) => Caller | null {
  const { devHeaders, jwtSecret, userRefSecret, now = Date.now } = options;
  const publicKey = options.jwtPublicKey === undefined ? undefined : createPublicKey(options.jwtPublicKey);
  const verified = new Map<string, { caller: Caller; untilMs: number }>();

  const callerOf = (userId: string, scopes: readonly Scope[]): Caller => ({ userId, ref: userRef(userRefSecret, userId), scopes });

  const byToken = (token: string): Caller => {
    const known = verified.get(token);
    if (known !== undefined) {
      if (known.untilMs > now()) return known.caller;
      verified.delete(token);
    }
    const claims = verify(token, jwtSecret, publicKey, now());
    if (typeof claims.sub !== 'string' || !USER_ID.test(claims.sub)) unauthenticated('the token names no user in `sub`');
    const caller = callerOf(claims.sub, scopesIn(claims['scope']));
    if (verified.size >= verifiedTokensMax) verified.delete(verified.keys().next().value!);
    verified.set(token, { caller, untilMs: (claims.exp ?? Infinity) * 1_000 });
    return caller;
  };

  return (headers) => {
    const userId = devHeaders ? headers['x-user-id'] : undefined;
    if (userId !== undefined && userId !== '') {
      if (typeof userId !== 'string' || !USER_ID.test(userId)) unauthenticated('X-User-Id must be 1 to 255 printable ASCII characters');
      const scope = headers['x-scope'];
      return callerOf(userId, scope === undefined ? BUYER : scopesIn(scope));
    }
    const authorization = headers.authorization;
    if (authorization === undefined || authorization === '') return null;
    const bearer = /^bearer +([\w.~+/=-]+) *$/i.exec(authorization);
    if (bearer === null || bearer[1]!.length > tokenCharactersMax) unauthenticated('send Authorization: Bearer <JWT>');
    return byToken(bearer[1]!);
  };
}

const BUYER: readonly Scope[] = ['buyer'];

function scopesIn(list: unknown): readonly Scope[] {
  if (typeof list !== 'string') return [];
  const named = list.split(' ');
  return SCOPES.filter((scope) => named.includes(scope));
}

export function unauthenticated(detail: string): never {
  return refuse('unauthenticated', detail, { headers: { 'www-authenticate': 'Bearer' } });
}

function verify(
  token: string,
  secret: string | undefined,
  publicKey: ReturnType<typeof createPublicKey> | undefined,
  nowMs: number,
): jwt.JwtPayload {
  try {
    // The key decides the algorithm, never the token alone: a public key must not pass as an HMAC secret.
    const algorithm = jwt.decode(token, { complete: true })?.header.alg;
    const clockTimestamp = Math.floor(nowMs / 1_000);
    let claims: string | jwt.JwtPayload = '';
    if (algorithm === 'HS256' && secret !== undefined) claims = jwt.verify(token, secret, { algorithms: ['HS256'], clockTimestamp });
    else if (algorithm === 'RS256' && publicKey !== undefined)
      claims = jwt.verify(token, publicKey, { algorithms: ['RS256'], clockTimestamp });
    if (typeof claims === 'object') return claims;
  } catch {
    // Whatever the library found: the client is told the same.
  }
  return unauthenticated('the token is not valid, or not any more: ask for a new one');
}
