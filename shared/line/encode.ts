import type { Command } from '#schemas/command.ts';
import { assert } from '#shared/faults/assert.ts';
import { isStorable } from './storable-text.ts';
import { commandBytesMax } from './topics.ts';

/**
 * The bytes of a command on its line: compact JSON. What a client sent must have been checked before,
 * by `isStorable` too: a command that the writer would find malformed is a bug of whoever made it.
 */
export function encodeCommand(command: Command): Buffer {
  const text = JSON.stringify(command);
  assert(
    !text.includes('\\u') || isStorable(command),
    `a ${command.type} command holds text that cannot be stored: check it with isStorable first`,
  );
  const value = Buffer.from(text);
  assert(value.length <= commandBytesMax, `a command has at most ${commandBytesMax} bytes, this ${command.type} has ${value.length}`);
  return value;
}
