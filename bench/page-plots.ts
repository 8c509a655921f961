import type { Figure } from './figures.ts';
import type { Plot } from './measurement.ts';

/** Which pictures the page has: what each shows, not how it is drawn. */

export interface Bars {
  readonly title: string;
  readonly label: string;
  /** `own`: ours, not what it is compared with. */
  readonly bars: readonly { readonly name: string; readonly value: number; readonly own: boolean }[];
}

export type Picture = { readonly file: string; readonly title: string } & (
  | { readonly kind: 'bars'; readonly bars: Bars }
  /** Of each measurement; the one nearest to the median first. */
  | { readonly kind: 'lines'; readonly plots: readonly Plot[] }
);

export function picturesOf(figures: readonly Figure[]): Picture[] {
  const bars = sideBySide(figures);
  const ordered = figures.toSorted((a, b) => a.id.localeCompare(b.id));
  const lines = ordered.flatMap(({ id, what, measurements }): Picture[] => {
    const plots = measurements.flatMap(({ plot }) => (plot === undefined ? [] : [plot]));
    if (plots.length === 0) return [];
    return [{ file: `${slugOf(`${id} ${what}`)}.svg`, title: `${id}: ${plots[0]!.title}`, kind: 'lines', plots }];
  });
  return bars === undefined ? lines : [{ file: 'side-by-side.svg', title: bars.title, kind: 'bars', bars }, ...lines];
}

/** What people run instead, the floor, and what of ours is a rate of reservations. */
function sideBySide(figures: readonly Figure[]): Bars | undefined {
  const compared = figures.filter(({ id }) => id === 'baseline' || id === 'floor');
  if (compared.length === 0) return undefined;
  const own = figures.filter(
    ({ id, unit, target, median }) => ['P1', 'P2'].includes(id) && unit === '/s' && target !== undefined && median > 0,
  );
  const bars = [...compared, ...own].map((figure) => ({
    name: barName(figure),
    value: figure.median,
    own: own.includes(figure),
  }));
  return {
    title: 'Reservations a second, each where it is to stay: what people run instead, ours, and the floor',
    label: 'reservations/s, logarithmic',
    bars: bars.sort((a, b) => a.value - b.value),
  };
}

function barName({ id, what }: Figure): string {
  if (id === 'floor') return 'the floor: COPY alone';
  if (id === 'baseline') return what;
  return id === 'P1' ? 'our writer' : `ours over HTTP, ${what.replace(/^reservations /, '')}`;
}

/** As GitHub makes the anchor of a heading. */
export function slugOf(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(/\s/g, '-');
}
