import { always, type Asked, itemsJson, skuOf } from './reservation-records.ts';

/** Which items the n-th request asks for: scattered, but the same ones in every run, so that what each gets can be told beforehand. */
export interface ItemChoice {
  /** How many there are, each with the same stock. */
  readonly items: number;
  /** Of how many different ones a request takes a unit. */
  readonly each: number;
}

/** The golden ratio's share of 2^32: neighbours in number are far apart in place. */
const scatter = 2_654_435_761;

function placesOf(n: number, { items, each }: ItemChoice): number[] {
  const first = (Math.imul(n, scatter) >>> 0) % items;
  return Array.from({ length: each }, (_, further) => (first + further) % items);
}

export function askedBy(choice: ItemChoice): Asked {
  if (choice.items === 1) return always(skuOf(0));
  return (n) => itemsJson(placesOf(n, choice).map(skuOf));
}

/** What so many requests get, in order, each all or nothing; and how many stand in line until nothing is left for any that comes behind. */
export function grantsOf(
  requests: number,
  choice: ItemChoice,
  stockOfEach: number,
): { readonly granted: number; readonly goneBehind: number } {
  const left = new Int32Array(choice.items).fill(stockOfEach);
  let granted = 0;
  let goneBehind = 0;
  for (let n = 0; n < requests; n++) {
    const places = placesOf(n, choice);
    if (places.some((place) => left[place] === 0)) continue;
    for (const place of places) left[place]!--;
    granted++;
    goneBehind = n + 1;
  }
  return { granted, goneBehind };
}
