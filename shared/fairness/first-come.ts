import { createColumn } from './rows.ts';

/**
 * How far first come was first served, by this definition:
 *
 * An item's stock lasted until the first request that did not get all it asked of the
 * item because too little was free. `units` are those granted at once while the stock of
 * their item lasted, over all items. The ideal line takes the requests by `accepted_at`
 * (equal times by place in the line) and gives each what it asks of an item until the
 * same number of units of that item is given. `unitsInOrder` are the units that the real
 * line and the ideal one give to the same request.
 *
 * Taking part in an item: whoever got what he asked while it lasted, and everybody who
 * asked for it afterwards and was held, put on the waitlist or refused for lack of stock.
 * Whoever was refused for another reason (a limit, the sale's status, another item that
 * was short) would not have been served in any order and takes no part; of what a limit
 * withheld in part, only the rest counts as asked. The ideal line applies no limits again.
 *
 * Where nobody was overtaken, or no stock ran out, the share is exactly 1.
 */
export interface FirstComeFigures {
  readonly units: number;
  readonly unitsInOrder: number;
  /** `unitsInOrder / units`; null where nothing was granted. */
  readonly share: number | null;
  /** Requests to which the ideal line gives units that the real one did not while the stock lasted. */
  readonly requestsPassedOver: number;
  /** Items whose stock did not last to the end. */
  readonly itemsRunOut: number;
}

/** A line of a request, once it is decided. */
export interface AskedLine {
  /** Number of the item. */
  readonly item: number;
  /** Units asked for, less what a limit withheld. */
  readonly asked: number;
  readonly granted: number;
  /** Something was not granted because too little was free. */
  readonly short: boolean;
}

export interface FirstCome {
  /** The next request of the line; no lines where it takes no part. */
  readonly take: (lines: readonly AskedLine[]) => void;
  /** @param places in the line, from 0, in the order of acceptance */
  readonly figures: (places: Int32Array) => FirstComeFigures;
}

/** 4 bytes a request and 8 a line of it. */
export function createFirstCome(): FirstCome {
  const ranOut = new Set<number>();
  /** By item: units granted while its stock lasted. */
  const granted = new Map<number, number>();
  const firstLines = createColumn(Int32Array);
  const items = createColumn(Int32Array);
  /** Negative: not granted, or after the stock had run out. */
  const asked = createColumn(Int32Array);

  return {
    take(lines) {
      firstLines.push(items.length());
      for (const line of lines) {
        if (line.short) ranOut.add(line.item);
        const lasted = !ranOut.has(line.item);
        if (lasted && line.granted === 0) continue;
        items.push(line.item);
        asked.push(lasted ? line.asked : -line.asked);
        if (lasted) granted.set(line.item, (granted.get(line.item) ?? 0) + line.asked);
      }
    },
    figures(places) {
      const left = new Map(granted);
      let unitsInOrder = 0;
      let requestsPassedOver = 0;
      for (const place of places) {
        const end = place + 1 < firstLines.length() ? firstLines.get(place + 1) : items.length();
        let passedOver = false;
        for (let line = firstLines.get(place); line < end; line++) {
          const item = items.get(line);
          const wanted = asked.get(line);
          const there = left.get(item) ?? 0;
          const given = Math.min(Math.abs(wanted), there);
          left.set(item, there - given);
          if (wanted > 0) unitsInOrder += given;
          else if (given > 0) passedOver = true;
        }
        if (passedOver) requestsPassedOver += 1;
      }
      const units = [...granted.values()].reduce((sum, n) => sum + n, 0);
      return { units, unitsInOrder, share: units === 0 ? null : unitsInOrder / units, requestsPassedOver, itemsRunOut: ranOut.size };
    },
  };
}
