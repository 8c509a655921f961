import { Presets, SingleBar } from 'cli-progress';
import { formatNumber } from '../table.ts';

export interface ProgressBar {
  readonly update: (done: number, of: number) => void;
  readonly stop: () => void;
}

/** Without a terminal this is the pace of lines, so that a log is not flooded. */
const tellEveryMs = 2_000;

/** A bar in a terminal; a line now and then where there is none. */
export function createProgressBar(what: string, stream: NodeJS.WriteStream, tell: (line: string) => void): ProgressBar {
  if (!stream.isTTY) {
    let toldAt = performance.now();
    return {
      update(done, of) {
        if (performance.now() - toldAt < tellEveryMs) return;
        toldAt = performance.now();
        tell(`${what} ${formatNumber(done)} of ${formatNumber(of)}`);
      },
      stop: () => undefined,
    };
  }
  const format = `${what} {bar} {percentage}% | {value} of {total} | {eta_formatted} left`;
  const bar = new SingleBar(
    {
      format,
      stream,
      clearOnComplete: true,
      hideCursor: true,
      formatValue: (value, _options, type) => (type === 'value' || type === 'total' ? formatNumber(value) : String(value)),
    },
    Presets.shades_classic,
  );
  let started = false;
  return {
    update(done, of) {
      if (!started) bar.start(of, done);
      else bar.update(done);
      started = true;
    },
    stop: () => {
      bar.stop();
    },
  };
}
