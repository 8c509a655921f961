import SocketRequest from 'kafkajs/src/network/requestQueue/socketRequest.js';

/**
 * kafkajs keeps the requests under way in a Map, and a request everything it was made
 * of: its bytes, the promise of whoever waits for it. Former tables of a Map can keep
 * their entries in memory for seconds (docs/decisions/0010), so a request that has its
 * answer lets go of all that.
 */
export function emptySpentRequests(): void {
  const { prototype } = SocketRequest;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called below with their own object
  const { completed, rejected } = prototype;
  if (completed.name === 'completedAndEmptied') return;
  prototype.completed = function completedAndEmptied(this: SocketRequest, answer: object) {
    completed.call(this, answer);
    empty(this);
  };
  prototype.rejected = function rejectedAndEmptied(this: SocketRequest, error: Error) {
    rejected.call(this, error);
    empty(this);
  };
}

const nothing = (): void => undefined;
const noEntry = Object.freeze({});

function empty(request: SocketRequest): void {
  request.entry = noEntry;
  request.sendRequest = nothing;
  request.timeoutHandler = nothing;
}
