import { runInNewContext } from 'node:vm';
import { waitingRoom, wayBackOf } from './waiting-room.ts';

const origin = 'https://shop.example';

test.each([
  ['?after=10&to=/v1/sales?status=open&limit=5', '/v1/sales?status=open&limit=5', 10],
  ['?after=10&to=%2Fv1%2Fsales%3Fstatus%3Dopen&x=1', '/v1/sales?status=open', 10],
  ['?to=/v1/reservations/r?wait=5', '/v1/reservations/r?wait=5', 5],
  ['', '/v1/sales', 5],
  ['?after=0&to=/a', '/a', 1],
  ['?after=999&to=/a', '/a', 300],
  ['?to=/a?after=200', '/a?after=200', 5],
  ['?to=https://evil.example/', '/v1/sales', 5],
  ['?to=//evil.example/', '/v1/sales', 5],
  ['?to=/\\evil.example', '/v1/sales', 5],
  ['?to=%2F%2Fevil.example', '/v1/sales', 5],
  ['?to=%2F%5Cevil.example', '/v1/sales', 5],
  ['?to=%2F%09/evil.example', '/v1/sales', 5],
  ['?to=javascript:alert(1)', '/v1/sales', 5],
  ['?to=%2F%zz', '/v1/sales', 5],
  ['?to=/waiting-room?to=/a', '/v1/sales', 5],
  [`?to=/${'a'.repeat(2_000)}`, '/v1/sales', 5],
])('%s leads to %s after %d s', (search, to, afterSeconds) => {
  expect(wayBackOf(search, origin)).toEqual({ to, afterSeconds });
});

/** What the page's script does in a browser with this address. */
function visit(search: string) {
  const outcome = waitingRoom();
  const body = outcome.kind === 'answer' ? outcome.body! : '';
  const elements = Object.fromEntries(['told', 'back', 'seconds'].map((id) => [id, { textContent: '', href: '', hidden: true }]));
  let now = 0;
  let tick = (): void => undefined;
  const went: string[] = [];
  runInNewContext(/<script>([\s\S]*)<\/script>/.exec(body)![1]!, {
    location: { search, origin, replace: (to: string) => went.push(to) },
    document: { getElementById: (id: string) => elements[id] },
    URL,
    Date: { now: () => now },
    setInterval: (work: () => void) => (tick = work),
    clearInterval: () => undefined,
  });
  return {
    elements,
    went,
    body,
    headers: outcome.headers ?? {},
    pass(seconds: number) {
      now += seconds * 1_000;
      tick();
    },
  };
}

test('the page says when it goes back, and goes back then, not everyone at once', () => {
  const { elements, went, pass } = visit('?after=10&to=/v1/sales');
  expect(elements['seconds']!.textContent).toMatch(/^1[0-5] seconds$/);
  expect(elements['back']).toMatchObject({ href: '/v1/sales', hidden: false });
  pass(9);
  expect(went).toEqual([]);
  pass(6);
  expect(went).toEqual(['/v1/sales']);
});

test('it loads nothing and is for every cache', () => {
  const { body, headers } = visit('');
  expect(body).toMatch(/<html lang="en">[\s\S]*<title>[\s\S]*<main>[\s\S]*<h1>/);
  expect(body).not.toMatch(/(?:src|href)="?https?:/);
  expect(headers).toMatchObject({
    'cache-control': 'public, max-age=60',
    'content-security-policy': expect.stringMatching(/^default-src 'none'; script-src 'sha256-/),
  });
});
