import { parseH2load } from './h2load.ts';

const summary = (requests: string, codes: string): string => `starting benchmark...
finished in 2.00s, 58090.50 req/s, 25.26MB/s
requests: ${requests}
status codes: ${codes}
traffic: 50.50MB (52980694) total, 34.70MB (36385354) headers (space savings 0.00%), 15.16MB (15000) data
                     min         max         mean         sd        +/- sd
`;

test.each<[string, string, string, boolean]>([
  ['all answered', '100 total, 102 started, 100 done, 100 succeeded, 0 failed, 0 errored, 0 timeout', '100 2xx, 0 3xx, 0 4xx, 0 5xx', true],
  ['one refused', '100 total, 100 started, 100 done, 99 succeeded, 1 failed, 0 errored, 0 timeout', '99 2xx, 0 3xx, 1 4xx, 0 5xx', false],
  ['one cut off', '100 total, 100 started, 100 done, 99 succeeded, 1 failed, 1 errored, 0 timeout', '99 2xx, 0 3xx, 0 4xx, 0 5xx', false],
])('%s', (_name, requests, codes, allGood) => {
  expect(parseH2load(summary(requests, codes))).toEqual({ answered: 100, perSecond: 58090.5, allGood, bodyBytes: 15000 });
});

test('no summary is an error', () => {
  expect(() => parseH2load('connect: refused')).toThrow('no summary');
});
