import { createHash } from 'node:crypto';
import type { Outcome } from '#shared/http/answer.ts';

/**
 * `GET /waiting-room?after=SECONDS&to=PATH`: where a browser waits that met a full house.
 * One page for everyone, so that the gateway can serve it from its cache while the house is
 * full; where to go back to, and when, the page reads from its own address.
 */

export interface WayBack {
  /** Path and query on this origin. */
  readonly to: string;
  /** 1 to 300. */
  readonly afterSeconds: number;
}

/**
 * Where to go back to, and after how long. `to` comes last in the query and reaches to its end,
 * either as it stood in the request line or percent-encoded. What is no path of this origin, or
 * leads back here, is the list of sales instead. Runs in the browser too, so it uses nothing around it.
 */
export function wayBackOf(search: string, origin: string): WayBack {
  const elsewhere = '/v1/sales';
  const after = /[?&]after=(\d{1,3})(?:&|$)/.exec(search.split('to=', 1)[0] ?? '');
  const afterSeconds = Math.min(300, Math.max(1, after === null ? 5 : Number(after[1])));
  let to = /[?&]to=(.*)$/.exec(search)?.[1] ?? elsewhere;
  try {
    if (/^%2f/i.test(to)) to = decodeURIComponent(to.split('&', 1)[0] ?? '');
    const url = new URL(to, origin);
    const ours = url.origin === origin && /^\/(?![/\\])/.test(to) && to.length <= 2_000 && !/^\/waiting-room/i.test(url.pathname);
    return { to: ours ? url.pathname + url.search : elsewhere, afterSeconds };
  } catch {
    return { to: elsewhere, afterSeconds };
  }
}

/** Not everyone comes back in the same moment: up to half as long again, at least two seconds more. */
const SCRIPT = `
${wayBackOf.toString()}
const { to, afterSeconds } = wayBackOf(location.search, location.origin);
const at = Date.now() + 1000 * (afterSeconds + Math.random() * Math.max(2, afterSeconds / 2));
const told = document.getElementById('told');
const link = document.getElementById('back');
link.href = to;
link.hidden = false;
function tell() {
  const seconds = Math.ceil((at - Date.now()) / 1000);
  if (seconds > 0) document.getElementById('seconds').textContent = seconds + (seconds === 1 ? ' second' : ' seconds');
  else { clearInterval(ticking); told.textContent = 'Trying again now.'; location.replace(to); }
}
const ticking = setInterval(tell, 1000);
tell();
`;
const STYLE =
  'body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem;color-scheme:light dark}a{color:LinkText}';
const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

const PAGE = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<title>Waiting room · Firstcome</title>
<style>${STYLE}</style>
<main>
<h1>Many are here at once</h1>
<p>Your request was not carried out, and nothing that you hold or have bought is lost. This page goes back by itself and tries again; there is no need to reload it.</p>
<p id="told">It tries again in <span id="seconds" role="timer">some seconds</span>.</p>
<p><a id="back" href="/v1/sales" hidden>Go back now</a></p>
<noscript><p>Scripts are off, so this page cannot go back by itself: wait ten seconds, then use your browser’s “back”.</p></noscript>
</main>
<script>${SCRIPT}</script>
</html>
`;

const ANSWER: Outcome = {
  kind: 'answer',
  status: 200,
  contentType: 'text/html; charset=utf-8',
  body: PAGE,
  headers: {
    'cache-control': 'public, max-age=60',
    'referrer-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
    'content-security-policy': `default-src 'none'; script-src ${hashOf(SCRIPT)}; style-src ${hashOf(STYLE)}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  },
};

export function waitingRoom(): Outcome {
  return ANSWER;
}
