import type { SaleId, SaleNo } from '#schemas/ids.ts';
import type { Streamed } from '#shared/http/answer.ts';
import type { Exchange } from '#shared/http/route.ts';
import { createVerifyHandler, type VerifySale } from './verify.ts';

const sales = { find: (id: string) => (id === 'none' ? null : { saleId: id as SaleId, saleNo: 1 as SaleNo }) };
const asking = (saleId: string) => ({ params: { saleId }, body: {} }) as unknown as Exchange;

/** A verification that ends when it is told to. */
function staged() {
  const begun: string[] = [];
  const ends = new Map<string, (verdict: object) => void>();
  const aborted: string[] = [];
  const verify: VerifySale = (saleId, tell, signal) => {
    begun.push(saleId);
    tell(3, 10);
    return new Promise((resolve, reject) => {
      ends.set(saleId, resolve);
      signal.addEventListener('abort', () => {
        aborted.push(saleId);
        reject(new Error('aborted'));
      });
    });
  };
  return { begun, ends, aborted, handle: createVerifyHandler(sales, verify) };
}

async function open(handle: ReturnType<typeof staged>['handle'], saleId: string): Promise<AsyncIterator<string>> {
  const answer = (await handle(asking(saleId))) as Streamed;
  expect([answer.kind, answer.status, answer.contentType]).toEqual(['stream', 200, 'application/x-ndjson']);
  return (answer.chunks as AsyncIterable<string>)[Symbol.asyncIterator]();
}

const lineOf = async (lines: AsyncIterator<string>): Promise<unknown> => JSON.parse(((await lines.next()) as { value: string }).value);

it('tells its progress, and the verdict as the last line', async () => {
  const { handle, ends } = staged();
  const lines = await open(handle, 'a');
  expect(await lineOf(lines)).toEqual({ progress: { done: 0, of: 0 } });
  expect(await lineOf(lines)).toEqual({ progress: { done: 3, of: 10 } });
  ends.get('a')!({ verdict: 'verified', invariants: [] });
  expect(await lineOf(lines)).toEqual({ verdict: 'verified', invariants: [] });
  expect(await lines.next()).toMatchObject({ done: true });
});

it('runs one at a time, lets a few wait and refuses the rest', async () => {
  const { handle, begun, ends } = staged();
  const streams = [];
  for (const saleId of ['a', 'b', 'c', 'd', 'e']) {
    const lines = await open(handle, saleId);
    await lines.next();
    streams.push(lines);
  }
  expect(begun).toEqual(['a']);
  expect(await handle(asking('f'))).toMatchObject({ kind: 'problem', code: 'verification_busy', headers: { 'retry-after': '10' } });
  ends.get('a')!({});
  expect(await lineOf(streams[0]!)).toEqual({});
  expect(begun).toEqual(['a', 'b']);
  for (const lines of streams) await lines.return?.();
});

it('stops when the client goes away, and the next has his turn', async () => {
  const { handle, begun, aborted } = staged();
  const [first, second] = [await open(handle, 'a'), await open(handle, 'b')];
  await first.next();
  await second.next();
  await first.return?.();
  expect(await lineOf(second)).toEqual({ progress: { done: 3, of: 10 } });
  expect([begun, aborted]).toEqual([['a', 'b'], ['a']]);
  await second.return?.();
});

it('knows no sale that nobody made', async () => {
  await expect(staged().handle(asking('none'))).rejects.toMatchObject({ problem: { code: 'sale_not_found' } });
});
