/** Calls `work` each `ms` until the returned function is called. */
export type Every = (ms: number, work: () => void) => () => void;

/** By the process's own clock; it keeps no process alive. */
export const everyInBackground: Every = (ms, work) => {
  const timer = setInterval(work, ms);
  timer.unref();
  return () => clearInterval(timer);
};
