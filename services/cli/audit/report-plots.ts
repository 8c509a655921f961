import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import type { FairnessCurves } from '#shared/fairness/fairness.ts';
import { outcomeText, type PlotName } from './report-sections.ts';

/**
 * The report's pictures as SVG. No text of a buyer or seller gets into them. Packages
 * that are ES modules only stay behind this file, which the command loads when a page is asked for.
 */

/** Plot wants a document to make elements of; a browser's types are not this project's. */
const { document } = parseHTML('<html></html>') as unknown as { document: never };

const size = { width: 640, height: 320, marginLeft: 60, marginBottom: 40 };
const accent = '#3b7dd8';
const other = '#e08a1e';
const quiet = '#8a8a8a';

/** Markup of each picture, `<svg>` or `<figure>`; empty where there is nothing to draw. */
export function drawPlots(curves: FairnessCurves): Readonly<Record<PlotName, string>> {
  return { density: density(curves.density), waits: waits(curves.waits), units: units(curves.units), lorenz: lorenz(curves.lorenz) };
}

function draw(options: Plot.PlotOptions): string {
  return (Plot.plot({ ...size, ...options, document }) as unknown as { outerHTML: string }).outerHTML;
}

function density({ side, requests, cells }: FairnessCurves['density']): string {
  if (requests === 0) return '';
  const step = requests / side;
  const diagonal = [
    [0, 0],
    [requests, requests],
  ] as [number, number][];
  return draw({
    height: 480,
    width: 520,
    ariaLabel: 'Requests by order of acceptance and place in the line',
    x: { label: 'order of acceptance at the edge →', domain: [0, requests], grid: true, ticks: 6, tickFormat: whole },
    y: { label: '↑ place in the line', domain: [0, requests], grid: true, ticks: 6, tickFormat: whole },
    opacity: { type: 'sqrt', range: [0.15, 1] },
    marks: [
      Plot.rect(cells, {
        x1: ({ x }: Cell) => x * step,
        x2: ({ x }: Cell) => (x + 1) * step,
        y1: ({ y }: Cell) => y * step,
        y2: ({ y }: Cell) => (y + 1) * step,
        fill: accent,
        fillOpacity: 'count',
        inset: 0,
      }),
      Plot.line(diagonal, { stroke: other, strokeWidth: 1.5, strokeDasharray: '4 3' }),
    ],
  });
}

type Cell = FairnessCurves['density']['cells'][number];

/** Waits below a millisecond cannot be told apart from one and have no logarithm. */
const shortestMs = 1;

function waits(curves: FairnessCurves['waits']): string {
  const points = curves.flatMap((curve) =>
    curve.percentilesMs.map((ms, percent) => ({ outcome: outcomeText(curve), ms: Math.max(shortestMs, ms), percent })),
  );
  if (points.length === 0) return '';
  return draw({
    ariaLabel: 'Wait by outcome, cumulative',
    x: { label: 'wait from acceptance to decision (ms, at least 1) →', type: 'log', grid: true, nice: true, tickFormat: whole, ticks: 5 },
    y: { label: '↑ requests decided by then (%)', domain: [0, 100], grid: true },
    color: { legend: true, domain: curves.map(outcomeText) },
    marks: [Plot.line(points, { x: 'ms', y: 'percent', z: 'outcome', stroke: 'outcome', strokeWidth: 1.75, curve: 'step-after' })],
  });
}

function units(points: FairnessCurves['units']): string {
  const first = points[0]?.at;
  if (first === undefined) return '';
  const stacked = points.flatMap(({ at, held, sold, available }) => {
    const second = (at - first) / 1000;
    return [
      { second, units: sold, what: 'sold' },
      { second, units: held, what: 'held' },
      { second, units: available, what: 'available' },
    ];
  });
  return draw({
    ariaLabel: 'Units over time',
    x: { label: 'seconds since the first event →', grid: true, tickFormat: whole },
    y: { label: '↑ units', grid: true, tickFormat: whole },
    color: { legend: true, domain: ['sold', 'held', 'available'], range: [accent, other, quiet] },
    marks: [
      Plot.areaY(stacked, { x: 'second', y: 'units', z: 'what', fill: 'what', order: ['sold', 'held', 'available'], curve: 'step-after' }),
    ],
  });
}

function lorenz(points: FairnessCurves['lorenz']): string {
  if (points.length === 0) return '';
  const percents = points.map(({ users, units: share }) => ({ users: users * 100, units: share * 100 }));
  const equal = [
    [0, 0],
    [100, 100],
  ] as [number, number][];
  return draw({
    width: 420,
    height: 380,
    ariaLabel: 'Share of units by user, Lorenz curve',
    x: { label: 'users with units, fewest units first (%) →', domain: [0, 100], grid: true, ticks: 6 },
    y: { label: '↑ units they have together (%)', domain: [0, 100], grid: true, ticks: 6 },
    marks: [
      Plot.line(equal, { stroke: quiet, strokeDasharray: '4 3' }),
      Plot.line(percents, { x: 'users', y: 'units', stroke: accent, strokeWidth: 2 }),
    ],
  });
}

/** 12,345; no fractions of a request. */
function whole(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString('en-US') : '';
}
