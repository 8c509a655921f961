import { z } from 'zod';
import { Partition } from '#schemas/ids.ts';

/**
 * Pieces of the services' environment schemas, with the local stack's defaults.
 * A description continues the sentence "set it to ...".
 */

const urlOf = (schemes: readonly string[]) =>
  z.string().refine((value) => URL.canParse(value) && schemes.includes(new URL(value).protocol), {
    error: `is not a URL that begins with ${schemes.map((scheme) => `${scheme}//`).join(' or ')}`,
  });

/** A whole number between two bounds, both included. */
export const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^-?\d{1,15}$/, 'is not a whole number')
    .transform(Number)
    .pipe(z.int().min(min).max(max))
    .describe(`a whole number from ${String(min)} to ${String(max)}`);

export const flag = z
  .enum(['true', 'false', '1', '0', 'on', 'off'])
  .transform((value) => value === 'true' || value === '1' || value === 'on')
  .describe('true or false');

export const port = wholeNumber(0, 65_535).describe('a TCP port, 0 to 65535 (0: any free one)');

export const databaseUrl = urlOf(['postgres:', 'postgresql:'])
  .default('postgres://firstcome_app:firstcome@127.0.0.1:5460/firstcome')
  .describe('a PostgreSQL URL such as postgres://user:password@127.0.0.1:5460/firstcome');

export const redisUrl = urlOf(['redis:', 'rediss:'])
  .default('redis://127.0.0.1:6390')
  .describe('a Redis URL such as redis://127.0.0.1:6390');

export const httpUrl = urlOf(['http:', 'https:'])
  .transform((value) => value.replace(/\/+$/, ''))
  .describe('an HTTP URL such as http://127.0.0.1:8106');

export const kafkaBrokers = z
  .string()
  .default('127.0.0.1:9192')
  .transform((value) => value.split(',').map((broker) => broker.trim()))
  .pipe(z.array(z.string().regex(/^[^\s:]+:\d{1,5}$/, 'is not host:port')).min(1))
  .describe('Kafka brokers as host:port, separated by commas');

/** Partitions of `sale.commands`, and so the most sales that can be active at once. */
export const linePartitions = wholeNumber(1, 10_000).default(64);

export const logLevel = z
  .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
  .default('info')
  .describe('one of trace, debug, info, warn, error, fatal, silent');

export const httpHost = z.string().min(1).default('127.0.0.1').describe('the address to listen on');

/** Names one process among its copies; goes into channels, leases and logs. */
export const instanceId = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,48}$/, 'is not 1 to 48 characters of A-Z a-z 0-9 . _ -')
  .optional()
  .describe('1 to 48 characters of A-Z a-z 0-9 . _ -, different for each process');

/** `0-63`, `5` or `0-3,8,10-11`: partitions in ascending order, each once. */
export const partitionList = z
  .string()
  .regex(/^\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?)*$/, 'is not a list of partitions')
  .transform((value) => {
    const partitions = new Set<number>();
    for (const part of value.split(',')) {
      const [first = 0, last = first] = part.split('-').map(Number);
      for (let partition = first; partition <= last; partition++) partitions.add(partition);
    }
    return [...partitions].sort((a, b) => a - b);
  })
  .pipe(z.array(Partition).min(1))
  .describe('partitions such as 0-63 or 0-3,8');
