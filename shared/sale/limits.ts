import type { UserRef } from '#schemas/ids.ts';
import type { SaleState } from './state.ts';

/** Units the user may still take; Infinity where the sale has no limit, 0 where he has more than it. */
export function unitsLeft(state: SaleState, user: UserRef): number {
  const limit = state.terms!.per_user_limit;
  return limit === null ? Infinity : Math.max(0, limit - state.usage.units(user));
}

/** Whether the user has as many holds in force as he may have. */
export function hasHoldsEnough(state: SaleState, user: UserRef): boolean {
  const limit = state.terms!.active_holds_per_user;
  return limit !== null && state.usage.holds(user) >= limit;
}
