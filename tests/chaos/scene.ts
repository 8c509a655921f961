import type { SaleUnderTest } from './evidence.ts';
import type { Attempt, CheckName } from './history.ts';
import type { Random } from './plan.ts';
import type { Stack } from './stack.ts';

/** What a fault may use while buyers come and go. */
export interface Scene {
  readonly stack: Stack;
  readonly random: Random;
  readonly sale: SaleUnderTest;
  /** Grows while the round goes on. */
  readonly attempts: readonly Attempt[];
  /** The fault itself saw what must not be. */
  readonly violated: (check: CheckName, detail: string) => void;
}

export interface Fault {
  /** How it is done. */
  readonly how: string;
  /** What has to happen, beside all the checks. */
  readonly expected: string;
  /** Why this machine cannot do it; null where it can. */
  readonly impossible?: (stack: Stack) => string | null;
  /** Before the sale is made. */
  readonly prepare?: (stack: Stack, random: Random) => Promise<void>;
  /** In the midst of the load; returns what was seen, once nothing more is broken by it. */
  readonly run: (scene: Scene) => Promise<string>;
  /** After the checks: undoes `prepare`. */
  readonly mend?: (stack: Stack) => Promise<void>;
  /** The line halts for good: nobody waits for answers, and the next round has a stack made afresh. */
  readonly halts?: true;
  /** Checks that cannot hold here, and why. */
  readonly waives?: Partial<Record<CheckName, string>>;
}
