/** How a command answers: a text for people or, with --json, one JSON document. */
export interface Output {
  readonly json: boolean;
  readonly say: (line: string) => void;
}

/** Prints `value` as JSON with --json, else the text. */
export function print(output: Output, value: unknown, text: () => string): void {
  output.say(output.json ? JSON.stringify(value, null, 2) : text());
}
