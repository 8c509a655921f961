import type { Command } from '#schemas/command.ts';
import { assert } from '#shared/faults/assert.ts';
import { commandBytesMax } from './topics.ts';

/** The bytes of a command on its line: compact JSON. What a client sent was checked by the schema before it became a command. */
export function encodeCommand(command: Command): Buffer {
  const value = Buffer.from(JSON.stringify(command));
  assert(value.length <= commandBytesMax, `a command has at most ${commandBytesMax} bytes, this ${command.type} has ${value.length}`);
  return value;
}
