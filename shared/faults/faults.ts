/**
 * The two kinds of infrastructure fault. Refusals are values, not faults; bugs
 * are assertions that crash.
 */

/** The same call may succeed later: a server is away, a time limit was hit, an outcome is unknown. */
export class RetryableFault extends Error {
  override readonly name = 'RetryableFault';
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Going on would be wrong until a person has looked: the message says what to do. */
export class TerminalFault extends Error {
  override readonly name = 'TerminalFault';
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
