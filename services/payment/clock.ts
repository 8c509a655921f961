/** Time as the payment service sees it, so that a simulation can hand it another. */
export interface Clock {
  /** Milliseconds, monotonic. */
  readonly nowMs: () => number;
  /** Runs `run` after `ms`, unless the function it returns is called. */
  readonly schedule: (ms: number, run: () => void) => () => void;
}

/** The process's own; only what composes a process hands it on. */
export const processClock: Clock = {
  nowMs: () => performance.now(),
  schedule(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
