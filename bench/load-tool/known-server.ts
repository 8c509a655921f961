/**
 * A server whose latency is known: it answers each request with 201 after a stated time, and now and then does nothing
 * at all for a while, as a process does that collects its garbage. Its own process, so that the generator goes on
 * meanwhile. Prints its port; ends with its standard input.
 *
 *   node bench/load-tool/known-server.ts ANSWER_MS STALL_MS EVERY_MS     (STALL_MS 0: never)
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const [answerMs, stallMs, everyMs] = process.argv.slice(2).map(Number) as [number, number, number];
const still = new Int32Array(new SharedArrayBuffer(4));

const server = createServer((request, response) => {
  request.resume();
  const answer = (): unknown => response.writeHead(201, { 'content-type': 'application/json', 'content-length': 2 }).end('{}');
  request.once('end', () => {
    if (answerMs > 0) setTimeout(answer, answerMs);
    else answer();
  });
});
server.listen({ host: '127.0.0.1', port: 0, backlog: 4_096 }, () => console.log((server.address() as AddressInfo).port));
if (stallMs > 0) {
  const stall = (): unknown => Atomics.wait(still, 0, 0, stallMs);
  // Half a period after the start: a run of whole periods that begins before has every stall whole.
  setTimeout(() => {
    setInterval(stall, everyMs);
    stall();
  }, everyMs / 2);
}
process.stdin.resume().once('end', () => process.exit(0));
