/** What a person has to know when the stack cannot do what was asked: one message that says what to do next. */
export class StackFailure extends Error {
  override readonly name = 'StackFailure';
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
