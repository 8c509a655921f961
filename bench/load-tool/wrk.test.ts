import { parseWrk } from './wrk.ts';

const printed = (more: string): string => `Running 2s test @ http://127.0.0.1:8080/
  2 threads and 256 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.24ms    1.00ms  20.00ms   80.00%
    Req/Sec    50.10k     2.00k   55.00k    70.00%
  203000 requests in 2.03s, 80.00MB read
${more}Requests/sec: 100000.50
Transfer/sec:     39.40MB
`;

test.each<[string, string, boolean]>([
  ['all good', '', true],
  ['a refusal', '  Non-2xx or 3xx responses: 1\n', false],
  ['a connection cut off', '  Socket errors: connect 0, read 1, write 0, timeout 0\n', false],
])('%s', (_name, more, allGood) => {
  expect(parseWrk(printed(more))).toEqual({ answered: 203000, perSecond: 100000.5, allGood });
});

test('no summary is an error', () => {
  expect(() => parseWrk('unable to connect')).toThrow('no summary');
});
