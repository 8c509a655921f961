import { nextSigningStep, refusalOf, type Roots, type SigningView } from './decide-signing.ts';

const growing: SigningView = { size: 10, ledgerSeq: 10, guardSize: 5, closed: false, refused: false, sinceLookedMs: 5_000 };

test.each<[string, Partial<SigningView>, string]>([
  ['has grown, and a second is over', {}, 'look'],
  ['has grown, and a second is not over', { sinceLookedMs: 999 }, 'wait'],
  ['has grown, and exactly a second is over', { sinceLookedMs: 1_000 }, 'look'],
  ['is the first', { guardSize: 0 }, 'look'],
  ['is empty', { size: 0, guardSize: 0 }, 'wait'],
  ['is closed: at once', { closed: true, sinceLookedMs: 1 }, 'look'],
  ['is closed, and the rest is still to come', { closed: true, ledgerSeq: 11, sinceLookedMs: 1 }, 'wait'],
  ['has not grown', { guardSize: 10 }, 'wait'],
  ['has not grown and is closed', { guardSize: 10, closed: true }, 'wait'],
  ['goes on growing', { ledgerSeq: 1_000 }, 'look'],
  ['is behind what was signed, and the rest is still to come', { guardSize: 12, ledgerSeq: 15 }, 'wait'],
  ['is behind what was signed, and there is no more', { guardSize: 12 }, 'shrunk'],
  ['is behind by one', { guardSize: 11 }, 'shrunk'],
  ['has more than the ledger', { ledgerSeq: 9 }, 'shrunk'],
  ['was refused, and a second is over', { guardSize: 10, refused: true }, 'look'],
  ['was refused a moment ago', { guardSize: 10, refused: true, sinceLookedMs: 1 }, 'wait'],
  ['was refused a moment ago and is closed', { refused: true, closed: true, sinceLookedMs: 1 }, 'wait'],
  ['was refused and is still behind', { guardSize: 12, refused: true }, 'shrunk'],
])('a tree that %s', (_what, view, step) => {
  expect(nextSigningStep({ ...growing, ...view })).toBe(step);
});

const [a, b] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
const fits: Roots = { guard: a, atGuard: a, stored: b, grown: b };

test.each<[string, Partial<Roots>, string | null]>([
  ['continues what was signed', {}, null],
  ['is the first', { guard: null, atGuard: null }, null],
  ['does not continue what was signed', { atGuard: b }, 'log_forked'],
  ['cannot be compared', { atGuard: null }, 'log_forked'],
  ['was written to', { stored: a }, 'tiles_altered'],
  ['was written to before anything was signed', { guard: null, atGuard: null, stored: a }, 'tiles_altered'],
  ['was written to and does not continue what was signed', { atGuard: b, stored: a }, 'log_forked'],
])('a tree that %s', (_what, roots, refusal) => {
  expect(refusalOf({ ...fits, ...roots })).toBe(refusal);
});
