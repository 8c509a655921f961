import type { Layout } from './layout.ts';
import type { ServerUser } from './server-user.ts';

/** What a part is told about the stack it belongs to. */
export interface StackContext {
  readonly layout: Layout;
  /** The user that servers run as; undefined: the one who runs this. */
  readonly user: ServerUser | undefined;
  /** Where servers keep data and configuration; `layout.home` unless the server user cannot reach it. */
  readonly serversHome: string;
  /** Environment of our own services. */
  readonly environment: Readonly<Record<string, string>>;
  /** One line for the person who waits. */
  readonly say: (line: string) => void;
}

/** A program to start. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** One process of the stack. */
export interface Part {
  readonly name: string;
  readonly kind: 'server' | 'service';
  readonly port: (layout: Layout) => number;
  /** Makes configuration and data folders; changes nothing that is right already. */
  readonly prepare: (context: StackContext) => Promise<void>;
  readonly command: (context: StackContext) => Command;
  /** Asks the part itself. Null: ready; else why not yet. */
  readonly ready: (context: StackContext) => Promise<string | null>;
  /** Done once it is ready and before anything that needs it starts: schema, topics. */
  readonly settle?: (context: StackContext) => Promise<void>;
  readonly stopSignal: NodeJS.Signals;
  /** Keeps its priority where the processor is short; all others step back (priority.ts). */
  readonly goesFirst?: boolean;
  /** How often it is started again when it ends before it is ready and the reason is known to pass. */
  readonly passing?: (logTail: string) => boolean;
}
