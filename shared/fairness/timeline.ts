/** Units of all items together, as they stood from a moment on. */
export interface UnitsAt {
  /** Logical time, ms since 1970. */
  readonly at: number;
  readonly held: number;
  readonly sold: number;
  readonly available: number;
}

const pointsMax = 1_000;

export interface Timeline {
  /** Times never go back. */
  readonly take: (units: UnitsAt) => void;
  /** At most `pointsMax` and one, the last in each of equal steps of time. */
  readonly points: () => readonly UnitsAt[];
}

/** Keeps the last state of each step of time; whenever there are too many, steps become twice as long. */
export function createTimeline(): Timeline {
  let points: UnitsAt[] = [];
  let stepMs = 1;
  const stepOf = ({ at }: UnitsAt): number => Math.floor(at / stepMs);
  return {
    take(units) {
      const last = points.at(-1);
      if (last !== undefined && stepOf(last) === stepOf(units)) points[points.length - 1] = units;
      else points.push(units);
      while (points.length > pointsMax) {
        stepMs *= 2;
        points = points.filter((point, index) => index + 1 === points.length || stepOf(point) !== stepOf(points[index + 1]!));
      }
    },
    points: () => points,
  };
}
