import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { isKeepable } from '#schemas/text.ts';
import { invalid, refuse, RequestRefused, problem } from './problem.ts';

export const bodyBytesMax = 64 * 1024;
export const jsonDepthMax = 16;

export type JsonObject = Readonly<Record<string, unknown>>;

const EMPTY: JsonObject = Object.freeze({});

/**
 * The request's body as a JSON object; an absent body is an empty object. Refuses
 * (throws) what is too large (413), not JSON (415), not UTF-8, not well formed,
 * deeper than `jsonDepthMax`, or no object (400).
 */
export async function readJsonObject(request: IncomingMessage): Promise<JsonObject> {
  const declared = request.headers['content-length'];
  if (declared !== undefined && Number(declared) > bodyBytesMax) tooLarge();
  if (declared === '0' || (declared === undefined && request.headers['transfer-encoding'] === undefined)) return EMPTY;
  checkMediaType(request);
  const bytes = await readBytes(request);
  return bytes.length === 0 ? EMPTY : parseJsonObject(bytes);
}

function tooLarge(): never {
  // The rest of the body is not read, so the connection cannot carry another request.
  refuse('body_too_large', `a body may have ${bodyBytesMax} bytes; send less`, { headers: { connection: 'close' } });
}

function checkMediaType(request: IncomingMessage): void {
  const type = request.headers['content-type'];
  if (type !== 'application/json') {
    const [media = '', ...parameters] = (type ?? '').toLowerCase().split(';');
    const charset = parameters
      .map((parameter) => /^\s*charset\s*=\s*"?([^";\s]*)"?\s*$/.exec(parameter)?.[1])
      .find((found) => found !== undefined);
    if (media.trim() !== 'application/json' || (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8')) {
      refuse('unsupported_media_type', 'send the body as UTF-8 JSON with Content-Type: application/json');
    }
  }
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    refuse('unsupported_media_type', 'send the body without a content encoding');
  }
}

function readBytes(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= bodyBytesMax) {
        chunks.push(chunk);
        return;
      }
      chunks.length = 0;
      reject(
        new RequestRefused(
          problem('body_too_large', `a body may have ${bodyBytesMax} bytes; send less`, { headers: { connection: 'close' } }),
        ),
      );
    });
    request.on('end', () => {
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
    });
    request.on('error', () => {
      reject(new RequestRefused(problem('invalid_request', 'the body ended before it was whole', { errors: [] })));
    });
  });
}

/** Refuses (400) bytes that are not a JSON object in UTF-8 within `jsonDepthMax`. */
export function parseJsonObject(bytes: Buffer): JsonObject {
  if (!isUtf8(bytes)) invalid('', 'is not UTF-8');
  let content: unknown;
  try {
    content = JSON.parse(bytes.toString('utf8'));
  } catch {
    invalid('', 'is not JSON');
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) invalid('', 'must be a JSON object');
  checkContent(content, '', 1);
  return content as JsonObject;
}

/** What no field may hold, whatever it means: text that cannot be kept, too much depth, a key that reaches for the prototype. */
function checkContent(value: unknown, pointer: string, depth: number): void {
  if (typeof value === 'string') {
    if (!isKeepable(value)) invalid(pointer, 'must be well-formed Unicode without U+0000');
  } else if (typeof value === 'object' && value !== null) {
    if (depth > jsonDepthMax) invalid('', `is nested deeper than ${jsonDepthMax} levels`);
    for (const [name, member] of Object.entries(value)) {
      if (name === '__proto__' || !isKeepable(name)) invalid(pointer, 'has a field with a name that cannot be');
      checkContent(member, `${pointer}/${escapePointer(name)}`, depth + 1);
    }
  }
}

/** One step of a JSON pointer (RFC 6901). */
export function escapePointer(step: string): string {
  return step.includes('~') || step.includes('/') ? step.replaceAll('~', '~0').replaceAll('/', '~1') : step;
}
