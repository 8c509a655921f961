import { setTimeout as pause } from 'node:timers/promises';
import type { LedgerView } from './ledger-view.ts';

/** Kills the writer that serves the sale's line and measures how long the line stands still. */

export interface Takeover {
  /** Part of the stack that was killed. */
  readonly killed: string;
  readonly pid: number;
  /** From the kill until another writer owned the line. Null: not within the bound. */
  readonly ownedMs: number | null;
  /** From the kill until it had committed its first decision. Null: not within the bound. */
  readonly decidedMs: number | null;
}

export interface TakeoverPorts {
  readonly ledger: LedgerView;
  /** Name of the writer's part in the stack that owns the partition. */
  readonly findOwner: (partition: number) => Promise<string>;
  /** SIGKILL; the pid. */
  readonly kill: (part: string) => Promise<number>;
}

const lookEveryMs = 10;
const boundMs = 30_000;

/** The killed writer is not started again here: `restart` is for the caller, once the line moves. */
export async function killActiveWriter(saleId: string, ports: TakeoverPorts): Promise<Takeover> {
  const before = await ports.ledger.line(saleId);
  if (before === null) throw new Error(`Sale ${saleId} has no line. Was it created on this stack?`);
  const killed = await ports.findOwner(before.partition);
  const killedAt = performance.now();
  const pid = await ports.kill(killed);
  let ownedMs: number | null = null;
  // What the dead writer had sent may still be committed, but under its own epoch: the newest seq seen under it is the mark.
  let seqOfDead = before.seq;
  for (;;) {
    const now = await ports.ledger.line(saleId);
    const elapsed = performance.now() - killedAt;
    if (now !== null && now.epoch === before.epoch) seqOfDead = now.seq;
    if (now !== null && now.epoch > before.epoch) {
      ownedMs ??= elapsed;
      if (now.seq > seqOfDead) return { killed, pid, ownedMs, decidedMs: elapsed };
    }
    if (elapsed > boundMs) return { killed, pid, ownedMs, decidedMs: null };
    await pause(lookEveryMs);
  }
}
