import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';

/**
 * kafkajs 2.2.4 sets a timer to look for throttled requests after every request and
 * after every look, also where none waits; its delay is then negative, which is one
 * millisecond. So each connection would wake its process a thousand times a second
 * for nothing, which a machine of two cores feels. A look is only needed while a
 * request waits: one that is put off asks for it itself.
 */
export function silenceIdleTimer(): void {
  const { prototype } = RequestQueue;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called below with its own object
  const schedule = prototype.scheduleCheckPendingRequests;
  if (schedule.name === 'scheduleWhereRequestsWait') return;
  prototype.scheduleCheckPendingRequests = function scheduleWhereRequestsWait(this: RequestQueue) {
    if (this.pending.length > 0) schedule.call(this);
  };
}
