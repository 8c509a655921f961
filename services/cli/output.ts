/** How a command answers: a text for people or, with --json, one JSON document. */
export interface Output {
  readonly json: boolean;
  readonly say: (line: string) => void;
}

/** Prints `value` as JSON with --json, else the text. */
export function print(output: Output, value: unknown, text: () => string): void {
  output.say(output.json ? JSON.stringify(value, null, 2) : text());
}

/** Control characters but the line feed, and those that turn the direction of what follows. */
const UNPRINTABLE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/**
 * Text as it may go to a terminal: what others wrote could otherwise move the cursor and
 * overwrite what we say of it. Written as JSON writes it, so that JSON stays the same value.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
