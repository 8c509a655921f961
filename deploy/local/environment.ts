import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { z } from 'zod';
import type { Environment } from '#shared/config/environment.ts';
import { brokersOf } from './kafka.ts';
import type { Layout } from './layout.ts';
import { errorsBaseUrl } from './nginx.ts';
import { APP_ROLE, AUDIT_ROLE, databaseUrl, OWNER_ROLE } from './postgres.ts';

/** What the stack's own variables and those of its services are. */

/** Names the logs of a developer's machine. */
const AUDIT_ORIGIN = 'firstcome.local/log';

const Secrets = z.object({ USER_REF_SECRET: z.string().min(32), JWT_SECRET: z.string().min(32) });

/** The environment of this process over the lines of `.env` in the checkout. */
export function withDotEnv(environment: Environment, root: string): Environment {
  const file = join(root, '.env');
  if (!existsSync(file)) return environment;
  const lines = parseEnv(readFileSync(file, 'utf8'));
  const set = Object.entries(environment).filter(([, value]) => value !== undefined);
  return { ...lines, ...Object.fromEntries(set) };
}

/** Addresses and settings of a stack that every service of it gets, and every tool that talks to it. */
export function addressesOf(layout: Layout): Record<string, string> {
  return {
    DATABASE_URL: databaseUrl(layout, APP_ROLE),
    DATABASE_OWNER_URL: databaseUrl(layout, OWNER_ROLE),
    AUDIT_DATABASE_URL: databaseUrl(layout, AUDIT_ROLE),
    AUDIT_KEYS_DIR: join(layout.home, 'audit', 'keys'),
    AUDIT_STATE_DIR: join(layout.home, 'audit', 'state'),
    KAFKA_BROKERS: brokersOf(layout),
    REDIS_URL: `redis://127.0.0.1:${layout.ports.redis}`,
    LINE_PARTITIONS: String(layout.linePartitions),
    AUTH_MODE: layout.authMode,
    GATEWAY_PORT: String(layout.ports.gateway),
    FIRSTCOME_URL: `http://127.0.0.1:${layout.ports.gateway}`,
    PAYMENT_GATEWAY_URL: `http://127.0.0.1:${layout.ports['gateway-sim']}`,
    ERRORS_BASE_URL: errorsBaseUrl(layout),
    HTTP_HOST: '127.0.0.1',
    FIRSTCOME_HOME: layout.home,
    PORT_OFFSET: String(layout.portOffset),
  };
}

/** Secrets of this stack: made once, kept in its home, readable by whoever runs it. */
export function secretsOf(layout: Layout): Record<string, string> {
  const file = join(layout.home, 'secrets.json');
  if (!existsSync(file)) {
    mkdirSync(layout.home, { recursive: true });
    const made = { USER_REF_SECRET: randomBytes(32).toString('base64url'), JWT_SECRET: randomBytes(32).toString('base64url') };
    writeFileSync(file, `${JSON.stringify(made, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  }
  return Secrets.parse(JSON.parse(readFileSync(file, 'utf8')));
}

/**
 * Environment of a service: what this process and `.env` say, over the stack's secrets,
 * under the stack's addresses. An address set outside does not count: a second stack
 * beside the first would otherwise talk to the first one's servers.
 */
export function serviceEnvironment(layout: Layout, environment: Environment): Record<string, string> {
  const given = Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '');
  // Choices of this command, not of the services.
  const { STACK_ONLY: _only, HTTP_PORT: _port, INSTANCE_ID: _instance, ...rest } = Object.fromEntries(given);
  return { AUDIT_ORIGIN, ...secretsOf(layout), ...rest, ...addressesOf(layout) };
}
