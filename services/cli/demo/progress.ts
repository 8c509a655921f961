import { createLogUpdate } from 'log-update';
import { formatNumber } from '../table.ts';

/** What one look at the running sale shows. */
export interface ProgressView {
  readonly phase: string;
  readonly elapsedSeconds: number;
  readonly arrived: number;
  readonly buyers: number;
  readonly answeredPerSecond: number;
  readonly asking: number;
  readonly stock: { readonly total: number; readonly held: number; readonly sold: number } | null;
  readonly refused: number;
  readonly waitlisted: number;
  readonly offered: number;
  readonly retries: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** Things that happened: the kill, the takeover. */
  readonly notes: readonly string[];
}

export interface Progress {
  show(view: ProgressView): void;
  end(): void;
}

const barCells = 40;
/** Without a terminal a line each: enough to follow, not enough to flood a log. */
const plainEveryMs = 2_000;

/** A display that redraws itself in a terminal, and lines where there is none. */
export function createProgress(stream: NodeJS.WriteStream): Progress {
  if (!stream.isTTY) return plainProgress(stream);
  const update = createLogUpdate(stream);
  return {
    show: (view) => update(drawing(view)),
    end: () => update.done(),
  };
}

function plainProgress(stream: NodeJS.WritableStream): Progress {
  let lastAt = -Infinity;
  let notesShown = 0;
  return {
    show(view) {
      for (const note of view.notes.slice(notesShown)) stream.write(`${note}\n`);
      notesShown = view.notes.length;
      if (performance.now() - lastAt < plainEveryMs) return;
      lastAt = performance.now();
      stream.write(`${line(view)}\n`);
    },
    end: () => undefined,
  };
}

function line(view: ProgressView): string {
  const n = formatNumber;
  return [
    `${view.elapsedSeconds.toFixed(0).padStart(4)} s`,
    view.phase.padEnd(8),
    `arrived ${n(view.arrived)}/${n(view.buyers)}`,
    `${n(Math.round(view.answeredPerSecond))}/s`,
    `unanswered ${n(view.asking)}`,
    `held ${n(view.stock?.held ?? 0)}`,
    `sold ${n(view.stock?.sold ?? 0)}`,
    `refused ${n(view.refused)}`,
    `waitlisted ${n(view.waitlisted)}`,
    `offered ${n(view.offered)}`,
    `retries ${n(view.retries)}`,
    `p50/p95/p99 ${view.p50Ms.toFixed(0)}/${view.p95Ms.toFixed(0)}/${view.p99Ms.toFixed(0)} ms`,
  ].join('  ');
}

function drawing(view: ProgressView): string {
  const n = formatNumber;
  const stock = view.stock ?? { total: 0, held: 0, sold: 0 };
  const available = stock.total - stock.held - stock.sold;
  const rows: [string, string][] = [
    [
      'buyers',
      `${bar([[view.arrived, '█']], view.buyers)} ${n(view.arrived)} of ${n(view.buyers)} arrived, ${n(view.asking)} wait for their answer`,
    ],
    [
      'units',
      `${bar(
        [
          [stock.sold, '█'],
          [stock.held, '▒'],
        ],
        stock.total,
      )} ${n(stock.sold)} sold, ${n(stock.held)} held, ${n(available)} free`,
    ],
    [
      'answers',
      `${n(Math.round(view.answeredPerSecond))}/s; ${n(view.refused)} refused, ${n(view.waitlisted)} in the waitlist, ${n(view.offered)} of them offered`,
    ],
    [
      'latency',
      `p50 ${view.p50Ms.toFixed(1)}  p95 ${view.p95Ms.toFixed(1)}  p99 ${view.p99Ms.toFixed(1)} ms, from the intended start; ${n(view.retries)} retries`,
    ],
  ];
  return [
    `${view.phase}, ${view.elapsedSeconds.toFixed(0)} s`,
    ...rows.map(([name, text]) => `  ${name.padEnd(8)} ${text}`),
    ...view.notes.map((note) => `  * ${note}`),
  ].join('\n');
}

function bar(parts: readonly (readonly [number, string])[], total: number): string {
  let text = '';
  let sum = 0;
  for (const [value, cell] of parts) {
    sum += value;
    text += cell.repeat(Math.max(0, Math.min(barCells, Math.round((sum / Math.max(1, total)) * barCells)) - text.length));
  }
  return text.padEnd(barCells, '·');
}
