import { epochMsMax } from '#schemas/ids.ts';
import { assert } from '#shared/faults/assert.ts';
import { createColumn } from './rows.ts';
import { stableOrder } from './stable-order.ts';

/**
 * How the order in which requests were accepted at the edge compares with their order in
 * the line. Both orders are total: requests accepted in the same millisecond count as
 * accepted in the order in which they stand in the line, so a tie is never a disorder.
 */
export interface OrderFigures {
  readonly requests: number;
  /** Pairs of requests: n (n - 1) / 2. */
  readonly pairs: number;
  /** Pairs of which the one that was accepted earlier stands behind the other in the line. */
  readonly invertedPairs: number;
  /** `invertedPairs / pairs`; null below two requests. */
  readonly invertedShare: number | null;
  /** Requests that stand behind at least one that was accepted later. */
  readonly overtaken: number;
  /** `overtaken / requests`; null without requests. */
  readonly overtakenShare: number | null;
  /** The most requests that were accepted later than one and stand before it. */
  readonly placesMax: number;
  /** The longest by which a request was accepted before one that stands before it, in ms. */
  readonly millisecondsMax: number;
  /** Spearman's rho of rank of acceptance and place in the line: 1 where nobody was overtaken; null below two requests. */
  readonly rankCorrelation: number | null;
}

/** Requests by rank of acceptance (x) and place in the line (y), counted in `side` x `side` bins. */
export interface OrderDensity {
  readonly side: number;
  readonly requests: number;
  readonly cells: readonly { readonly x: number; readonly y: number; readonly count: number }[];
}

export interface MeasuredOrder {
  readonly figures: OrderFigures;
  readonly density: OrderDensity;
  /** Places in the line, from 0, in the order of acceptance. */
  readonly places: Int32Array;
}

const densitySideMax = 60;

export interface LineOrder {
  /** The next request of the line. @param acceptedAt ms since 1970, stamped at the edge */
  readonly take: (acceptedAt: number) => void;
  /** O(n log n); 16 bytes a request while it works, 8 kept by `take`. */
  readonly measure: () => MeasuredOrder;
}

export function createLineOrder(): LineOrder {
  const acceptedAt = createColumn(Float64Array);
  return {
    take(time) {
      // Sorting goes over the digits of the largest difference: of what is no time there is no end of them.
      assert(Number.isInteger(time) && time >= 0 && time <= epochMsMax, 'a request was accepted at a time');
      acceptedAt.push(time);
    },
    measure() {
      const times = acceptedAt.values();
      const places = stableOrder(times);
      return { figures: figuresOf(times, places), density: densityOf(places), places };
    },
  };
}

function figuresOf(times: Float64Array, places: Int32Array): OrderFigures {
  const requests = times.length;
  const ranks = denseRanks(times, places);
  // Fenwick tree (Fenwick 1994): how many of the requests so far have at most a rank.
  const tree = new Int32Array(requests + 1);
  let invertedPairs = 0;
  let overtaken = 0;
  let placesMax = 0;
  let millisecondsMax = 0;
  let latest = -Infinity;
  for (let place = 0; place < requests; place++) {
    const time = times[place]!;
    if (time < latest) {
      let later = place;
      for (let at = ranks[place]!; at > 0; at &= at - 1) later -= tree[at]!;
      invertedPairs += later;
      overtaken += 1;
      placesMax = Math.max(placesMax, later);
      millisecondsMax = Math.max(millisecondsMax, latest - time);
    }
    latest = Math.max(latest, time);
    for (let at = ranks[place]!; at <= requests; at += at & -at) tree[at]!++;
  }
  const pairs = requests < 2 ? 0 : (requests * (requests - 1)) / 2;
  return {
    requests,
    pairs,
    invertedPairs,
    invertedShare: pairs === 0 ? null : invertedPairs / pairs,
    overtaken,
    overtakenShare: requests === 0 ? null : overtaken / requests,
    placesMax,
    millisecondsMax,
    rankCorrelation: spearman(places),
  };
}

/** By place: how the request's time ranks among all, from 1; equal times have the same rank. */
function denseRanks(times: Float64Array, places: Int32Array): Int32Array {
  const ranks = new Int32Array(times.length);
  let rank = 0;
  let before = -Infinity;
  for (const place of places) {
    const time = times[place]!;
    if (time > before) rank += 1;
    before = time;
    ranks[place] = rank;
  }
  return ranks;
}

/** Without ties: 1 - 6 sum(d^2) / (n (n^2 - 1)), d being rank less place. */
function spearman(places: Int32Array): number | null {
  const n = places.length;
  if (n < 2) return null;
  let squares = 0;
  for (let rank = 0; rank < n; rank++) squares += (rank - places[rank]!) ** 2;
  return 1 - (6 * squares) / (n * (n ** 2 - 1));
}

function densityOf(places: Int32Array): OrderDensity {
  const requests = places.length;
  const side = Math.min(densitySideMax, requests);
  const counts = new Int32Array(side * side);
  for (let rank = 0; rank < requests; rank++) {
    const x = Math.floor((rank * side) / requests);
    const y = Math.floor((places[rank]! * side) / requests);
    counts[y * side + x]!++;
  }
  const cells: { x: number; y: number; count: number }[] = [];
  counts.forEach((count, at) => {
    if (count > 0) cells.push({ x: at % side, y: Math.floor(at / side), count });
  });
  return { side, requests, cells };
}
