import type { EpochMs } from '#schemas/ids.ts';
import { RetryableFault } from '#shared/faults/faults.ts';
import type { CallName, How, Server } from './faults.ts';
import type { World } from './world.ts';

/**
 * A process of ours: it can be killed, frozen and have a wrong clock, and everything it
 * asks of a server travels there and back and can go wrong on either way.
 */
export interface SimProcess {
  readonly name: string;
  readonly isDead: () => boolean;
  /** As a power cut: nothing of it happens any more; what is on its way arrives. */
  readonly kill: () => void;
  /** As SIGSTOP for so long. */
  readonly freeze: (ms: number) => void;
  /** Moves its own clock. */
  readonly jump: (ms: number) => void;
  readonly setClockRight: () => void;
  readonly now: () => EpochMs;
  readonly schedule: (ms: number, run: () => void) => () => void;
  /** Asks a server: `act` is what happens there, and is told how the call goes wrong. Rejects with a RetryableFault where it did. */
  readonly call: <T>(name: CallName, server: Server, act: (how: How | null) => T) => Promise<Awaited<T>>;
  /** Told when it is killed. */
  readonly onKill: (told: () => void) => void;
}

const FAULT_CODES: Record<Server, string> = {
  ledger: 'ledger_unavailable',
  line: 'line_unavailable',
  redis: 'queue_unavailable',
  gateway: 'gateway_unavailable',
};

/** How long what happens after its caller gave up takes. */
const lateMsMax = 4_000;
/** Until a caller of a server that is away knows it. */
const awayMsMax = 400;

const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

export function createProcess(world: World, name: string): SimProcess {
  const { time, chance, faults, note } = world;
  let dead = false;
  let frozenUntil = 0;
  let skewMs = 0;
  const toTell: (() => void)[] = [];

  /** Runs once the process runs. */
  function awake(run: () => void): void {
    if (dead) return;
    const left = frozenUntil - time.now();
    if (left > 0) time.schedule(left, () => awake(run));
    else run();
  }
  const whenAwake = (): Promise<void> => (dead ? never() : frozenUntil > time.now() ? new Promise((resolve) => awake(resolve)) : DONE);
  const after = (ms: number): Promise<void> => new Promise((resolve) => time.schedule(ms, resolve));

  function kill(): void {
    if (dead) return;
    dead = true;
    note(name, 'killed');
    for (const tell of toTell) tell();
  }

  async function call<T>(callName: CallName, server: Server, act: (how: How | null) => T): Promise<Awaited<T>> {
    if (dead) return never<Awaited<T>>();
    const how = faults.next(callName);
    if (how !== null) note(name, `${callName}: ${how}`);
    const fault = (why: string, code = FAULT_CODES[server]): RetryableFault => new RetryableFault(code, `${callName}: ${why}`);
    const back = async (): Promise<void> => {
      await after(world.latency(callName));
      await whenAwake();
    };
    if (how === 'killed before' || how === 'rolled back') {
      kill();
      return never<Awaited<T>>();
    }
    await after(world.latency(callName));
    if (world.isAway(server)) {
      await after(chance.next('away') * awayMsMax);
      await whenAwake();
      throw fault('away');
    }
    if (how === 'fails') {
      await back();
      throw fault('fails');
    }
    if (how === 'late') {
      time.schedule(chance.next('late') * lateMsMax, () => {
        if (!world.isAway(server)) act(how);
      });
      await back();
      throw fault('no answer in time', 'commit_unknown');
    }
    const result = await act(how);
    if (how === 'killed in flight') {
      kill();
      return never<Awaited<T>>();
    }
    await back();
    if (how === 'unknown' || how === 'half') throw fault('the answer was lost', 'commit_unknown');
    return result;
  }

  return {
    name,
    isDead: () => dead,
    kill,
    freeze(ms) {
      frozenUntil = Math.max(frozenUntil, time.now() + ms);
    },
    jump(ms) {
      skewMs += ms;
    },
    setClockRight() {
      skewMs = 0;
    },
    now: () => (time.now() + skewMs) as EpochMs,
    schedule: (ms, run) => {
      let calledOff = false;
      const cancel = time.schedule(ms, () => {
        awake(() => {
          if (!calledOff) run();
        });
      });
      return () => {
        calledOff = true;
        cancel();
      };
    },
    call,
    onKill(told) {
      toTell.push(told);
    },
  };
}
const DONE = Promise.resolve();
