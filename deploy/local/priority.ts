import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * Who goes first where the processor is short. Whoever lets people in must be able to say no while everything behind it
 * is busy with those who are in: so all parts but the gateway, and Redis, step back. To step back needs no privilege.
 */

/** A third of the share of one that did not. */
const niceness = 5;
/** The kernel takes one such wish in 100 ms from ordinary users, whoever they are. */
const tryAgainMs = 120;
const triesMax = 10;

/** The process and what it will start. Where the system cannot do it, nothing happens. */
export async function stepBack(pid: number): Promise<void> {
  try {
    setPriority(pid, niceness);
  } catch {
    return;
  }
  // On Linux a process that leads a session shares with the other sessions by this number, not by the one above.
  for (let tries = 0; tries < triesMax; tries += 1) {
    try {
      writeFileSync(`/proc/${pid}/autogroup`, String(niceness));
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
      await pause(tryAgainMs);
    }
  }
}
