import type { Event } from '#schemas/event.ts';
import { Sku, UserRef } from '#schemas/ids.ts';

/** Whom and what an event speaks of: by this the log is indexed, and by this a list is put together. */
export interface EventSubjects {
  readonly user: UserRef | null;
  /** Each once. */
  readonly skus: ReadonlySet<Sku>;
}

/** Throws where the event is not as its schema says. */
export function subjectsOf(event: Event): EventSubjects {
  const skus = new Set<Sku>();
  const add = (sku: Sku): void => {
    if (!skus.has(sku)) skus.add(Sku.parse(sku));
  };
  if ('counts' in event) for (const sku of Object.keys(event.counts)) add(sku as Sku);
  if ('items' in event) for (const { sku } of event.items ?? []) add(sku);
  if ('not_granted' in event) for (const { sku } of event.not_granted ?? []) add(sku);
  if ('sku' in event) add(event.sku);
  if ('terms' in event) for (const { sku } of event.terms.items) add(sku);
  const user = 'user' in event ? event.user : undefined;
  return { user: user === undefined ? null : UserRef.parse(user), skus };
}
