import { CATALOGUE, isProblemCode } from '#shared/http/catalogue.ts';
import type { Outcome } from '#shared/http/answer.ts';
import { json } from '#shared/http/answer.ts';
import { problem } from '#shared/http/problem.ts';
import { param, type Exchange } from '#shared/http/route.ts';

/** `GET /errors/{code}`: the page that a problem's `type` opens. JSON for `Accept: application/json`. */
export function errorPage(exchange: Exchange): Outcome {
  const code = param(exchange, 'code');
  if (!isProblemCode(code)) return problem('not_found', 'the error catalogue has no such code');
  const { status, title, retryable, description } = CATALOGUE[code];
  const headers = {
    'cache-control': 'public, max-age=3600',
    vary: 'accept',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
  };
  const accept = exchange.request.headers.accept ?? '';
  if (accept.includes('application/json')) return json(200, { code, status, title, retryable, description }, headers);
  const advice = retryable
    ? 'The same request, sent again with the same idempotency key, may succeed.'
    : 'The same request, sent again unchanged, will fail again.';
  const body = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${code} · Firstcome</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}code{background:#8882;padding:.1em .3em}</style>
<main><p>Firstcome · errors</p><h1><code>${code}</code> ${title}</h1><p>HTTP status ${status}.</p><p>${inCode(description)}</p><p>${advice}</p></main>
</html>
`;
  return { kind: 'answer', status: 200, contentType: 'text/html; charset=utf-8', body, headers };
}

/** The catalogue's own text: what stands between backticks is code. */
function inCode(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll(/`([^`]*)`/g, '<code>$1</code>');
}
