import { kafka } from './kafka.ts';
import { SERVICES } from './our-services.ts';
import { nginx } from './nginx.ts';
import type { Part } from './part.ts';
import { postgres } from './postgres.ts';
import { redis } from './redis.ts';
import { StackFailure } from './failure.ts';

/** Every part of the stack, in the order in which they are shown. */

const SERVERS: readonly Part[] = [postgres, kafka, redis, nginx];

export const PARTS: readonly Part[] = [...SERVERS, ...SERVICES];

/** The parts that `only` names; `servers` stands for the four servers, undefined for all. Throws StackFailure for an unknown name. */
export function selectParts(parts: readonly Part[], only: readonly string[] | undefined): readonly Part[] {
  if (only === undefined) return parts;
  const unknown = only.filter((name) => name !== 'servers' && !parts.some((part) => part.name === name));
  if (unknown.length > 0) {
    throw new StackFailure(`There is no part ${unknown.join(', ')}: choose from servers, ${parts.map(({ name }) => name).join(', ')}.`);
  }
  return parts.filter(({ name, kind }) => only.includes(name) || (kind === 'server' && only.includes('servers')));
}
