/** What we touch of kafkajs beside its interface; see kafkajs-encoders.ts, kafkajs-idle-timer.ts and kafkajs-spent-requests.ts. */
declare module 'kafkajs/src/protocol/encoder.js' {
  export default class Encoder {
    static nextPowerOfTwo(value: number): number;
    buf: Buffer;
    /** How far it is written. */
    readonly offset: number;
    readonly buffer: Buffer;
    ensureAvailable(bytes: number): void;
    writeEncoderArray(encoders: readonly Encoder[]): this;
    writeBytes(bytes: Buffer): this;
    writeString(text: string): this;
  }
}

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
