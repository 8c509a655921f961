import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import type { Plot as MeasuredPlot } from './measurement.ts';
import type { Bars } from './page-plots.ts';

/**
 * The page's pictures: SVG files that stand alone and take the colours of the page they are on, light or dark.
 * The package is ES modules only, so that no test imports this file.
 */

/** Plot wants a document to make elements of; a browser's types are not this project's. */
const { document } = parseHTML('<html></html>') as unknown as { document: never };

const width = 760;
/** Of the largest type used, about. */
const letterWidth = 7.5;
const colours = ['blue', 'orange', 'green', 'purple', 'red'];
/** Greys and colours that can be read on either ground, should a reader's browser not tell which it is. */
const style = `
svg { --grey: #6e7781; --blue: #2f6fc9; --orange: #c46a12; --green: #2c8a43; --purple: #8250df; --red: #cf3a3a; color: var(--grey); }
@media (prefers-color-scheme: dark) {
  svg { --grey: #9198a1; --blue: #5b9bf3; --orange: #e5973f; --green: #4bb565; --purple: #a989f5; --red: #f0706b; }
}`;

/** Lines of the run nearest to the median, the other runs' behind them as thin ones. */
export function drawLines([nearest, ...others]: readonly MeasuredPlot[]): string {
  const { title, x, y, series } = nearest!;
  const names = series.map(({ name }) => name);
  const colourOf = (name: string): string => `var(--${colours[names.indexOf(name) % colours.length]!})`;
  const drawable = ([atX, atY]: Point): boolean => (!x.log || atX > 0) && (!y.log || atY > 0);
  const lines = (of: MeasuredPlot, run: number) =>
    of.series
      .filter(({ name }) => names.includes(name))
      .flatMap(({ name, points }) => points.filter(drawable).map((point) => ({ name, run: `${name} ${run}`, x: point[0], y: point[1] })));
  const main = lines(nearest!, 0);
  const lastOf = (name: string): number => main.findLast((point) => point.name === name)?.y ?? 0;
  return draw({
    width,
    height: 360,
    marginLeft: 70,
    marginRight: names.length < 2 ? 50 : 30 + letterWidth * Math.max(...names.map(({ length }) => length)),
    marginTop: 30,
    marginBottom: 45,
    ariaLabel: title,
    x: {
      label: `${x.label} →`,
      ...scaleOf(
        x.log,
        main.map((point) => point.x),
      ),
    },
    y: {
      label: `↑ ${y.label}`,
      ...scaleOf(
        y.log,
        main.map((point) => point.y),
      ),
      zero: !y.log,
      nice: !y.log,
    },
    marks: [
      Plot.line(
        others.flatMap((other, at) => lines(other, at + 1)),
        { x: 'x', y: 'y', z: 'run', stroke: ({ name }: Named) => colourOf(name), strokeWidth: 1, strokeOpacity: 0.4 },
      ),
      Plot.line(main, { x: 'x', y: 'y', z: 'name', stroke: ({ name }: Named) => colourOf(name), strokeWidth: 2.25 }),
      ...(main.length > 200 ? [] : [Plot.dot(main, { x: 'x', y: 'y', r: 2.5, fill: ({ name }: Named) => colourOf(name) })]),
      // In place of a legend, in the order in which the lines end.
      ...(names.length < 2 ? [] : names.toSorted((a, b) => lastOf(b) - lastOf(a))).map((name, at) =>
        Plot.text([name], { frameAnchor: 'top-right', textAnchor: 'start', dx: 14, dy: 20 * at, fill: colourOf(name), fontSize: 13 }),
      ),
    ],
  });
}

type Point = MeasuredPlot['series'][number]['points'][number];
interface Named {
  readonly name: string;
}

/** Bars on a logarithmic scale, each with its number at its end. */
export function drawBars({ title, label, bars }: Bars): string {
  const values = bars.map(({ value }) => value);
  const least = 10 ** Math.floor(Math.log10(Math.min(...values) / 2));
  return draw({
    width,
    height: 34 * bars.length + 70,
    marginLeft: 20 + letterWidth * Math.max(...bars.map(({ name }) => name.length)),
    marginRight: 80,
    marginTop: 10,
    marginBottom: 45,
    ariaLabel: title,
    x: { label: `${label} →`, ...powersOfTen(least, Math.max(...values), [1]), domain: [least, Math.max(...values)] },
    y: { label: null, domain: bars.map(({ name }) => name), padding: 0.3, tickSize: 0 },
    marks: [
      Plot.barX(bars, {
        x1: least,
        x2: 'value',
        y: 'name',
        fill: ({ own }: Bars['bars'][number]) => (own ? 'var(--blue)' : 'var(--grey)'),
      }),
      Plot.text(bars, {
        x: 'value',
        y: 'name',
        text: ({ value }: Bars['bars'][number]) => whole(Math.round(value)),
        textAnchor: 'start',
        dx: 6,
        fontSize: 12,
      }),
    ],
  });
}

const ticksMax = 6;

/** A logarithmic axis tells its few values, else powers of ten, and what is between them where these are few. */
function scaleOf(log: boolean, values: readonly number[]): Plot.ScaleOptions {
  if (!log) return { type: 'linear', grid: true, ticks: 6, tickFormat: whole };
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const distinct = [...new Set(values)];
  if (distinct.length <= ticksMax) return { type: 'log', grid: true, ticks: distinct, tickFormat: whole };
  return powersOfTen(least, most, most / least >= 1_000 ? [1] : [1, 2, 5]);
}

function powersOfTen(least: number, most: number, digits: readonly number[]): Plot.ScaleOptions {
  const ticks = Array.from({ length: 12 }, (_, exponent) => digits.map((digit) => digit * 10 ** (exponent - 3))).flat();
  return { type: 'log', grid: true, ticks: ticks.filter((tick) => tick >= least && tick <= most), tickFormat: whole };
}

function draw(options: Plot.PlotOptions): string {
  const plot = Plot.plot({ ...options, style: { fontSize: '12px', background: 'none', overflow: 'visible' }, document }) as unknown as {
    outerHTML: string;
  };
  return plot.outerHTML.replace('<svg ', '<svg xmlns="http://www.w3.org/2000/svg" ').replace('<style>', `<style>${style}\n`);
}

/** 12,345; fractions as they are where the axis is that short. */
function whole(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 3 });
}
