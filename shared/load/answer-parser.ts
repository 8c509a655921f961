/**
 * Reads HTTP/1.1 answers of one connection, one at a time: Content-Length, chunked,
 * or none (204, 304). Small on purpose: it must cost less than what it measures.
 */

export interface ParsedAnswer {
  readonly status: number;
  /** Of the header section, latin1, in the order received. */
  readonly head: string;
  readonly body: Buffer;
  /** The server closes the connection after this answer. */
  readonly closes: boolean;
}

export interface AnswerParser {
  /** Takes what arrived; an answer once one is complete. Bytes after it are an error: requests are not pipelined. */
  push(data: Buffer): ParsedAnswer | null;
}

const headBytesMax = 32 * 1024;
const bodyBytesMax = 16 * 1024 * 1024;

export function createAnswerParser(): AnswerParser {
  let pending: Buffer | null = null;
  return {
    push(data) {
      const bytes = pending === null ? data : Buffer.concat([pending, data]);
      const answer = parse(bytes);
      pending = answer === null ? bytes : null;
      return answer;
    },
  };
}

function parse(bytes: Buffer): ParsedAnswer | null {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) {
    if (bytes.length > headBytesMax) throw new Error(`an answer's header is longer than ${headBytesMax} bytes`);
    return null;
  }
  const head = bytes.toString('latin1', 0, end);
  const status = Number(head.slice(9, 12));
  if (!head.startsWith('HTTP/1.') || !(status >= 100)) throw new Error(`not an HTTP/1.1 answer: ${head.slice(0, 80)}`);
  const closes = /\r\nconnection: *close/i.test(head);
  const start = end + 4;
  if (status === 204 || status === 304) return { status, head, body: Buffer.alloc(0), closes };
  if (/\r\ntransfer-encoding: *chunked/i.test(head)) {
    const body = dechunk(bytes, start);
    return body === null ? null : { status, head, body, closes };
  }
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
  if (length > bodyBytesMax) throw new Error(`an answer's body is longer than ${bodyBytesMax} bytes`);
  if (bytes.length < start + length) return null;
  return { status, head, body: bytes.subarray(start, start + length), closes };
}

/** The body of a chunked answer, or null while it is not complete. */
function dechunk(bytes: Buffer, start: number): Buffer | null {
  const chunks: Buffer[] = [];
  let at = start;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return null;
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    if (!(size >= 0 && size <= bodyBytesMax)) throw new Error('a chunk has no size');
    const next = lineEnd + 2 + size + 2;
    if (bytes.length < next) return null;
    if (size === 0) return Buffer.concat(chunks);
    chunks.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = next;
  }
}

/** A header's value; undefined where it was not sent. */
export function headerOf(head: string, name: string): string | undefined {
  return new RegExp(`\r\n${name}: *([^\r]*)`, 'i').exec(head)?.[1];
}
