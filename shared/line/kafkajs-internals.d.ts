/** What we touch of kafkajs beside its interface; see kafkajs-idle-timer.ts and kafkajs-spent-requests.ts. */
declare module 'kafkajs/src/network/requestQueue/index.js' {
  export default class RequestQueue {
    readonly pending: readonly unknown[];
    scheduleCheckPendingRequests(): void;
  }
}

declare module 'kafkajs/src/network/requestQueue/socketRequest.js' {
  export default class SocketRequest {
    entry: object;
    sendRequest: () => void;
    timeoutHandler: () => void;
    completed(answer: object): void;
    rejected(error: Error): void;
  }
}
