import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Environment } from '#shared/config/environment.ts';
import { serviceEnvironment, withDotEnv } from './environment.ts';
import { StackFailure } from './failure.ts';
import { layoutOf, type Layout } from './layout.ts';
import type { Part, StackContext } from './part.ts';
import { PARTS, selectParts } from './parts.ts';
import { serversHomeOf, serverUserOf } from './server-user.ts';

/** Which stack a command means: said by the environment (FIRSTCOME_HOME, PORT_OFFSET) and `.env`. */

export interface StackOptions {
  /** Default: this process's. */
  readonly environment?: Environment;
  /** Gets each line for the person who waits; default: nobody. */
  readonly say?: (line: string) => void;
}

/** The checkout that holds `start`: the nearest folder upwards whose package.json is this project's. */
export function findRoot(start: string): string {
  for (let folder = resolve(start); ; folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { name?: string }).name === 'firstcome') return folder;
    if (folder === dirname(folder))
      throw new StackFailure(`${start} is not within a checkout of firstcome: change into it and run this again.`);
  }
}

export function openLayout(environment: Environment = process.env): { layout: Layout; environment: Environment } {
  const root = findRoot(process.cwd());
  const whole = withDotEnv(environment, root);
  return { layout: layoutOf(whole, root), environment: whole };
}

export function contextOf(options: StackOptions): StackContext {
  const { layout, environment } = openLayout(options.environment);
  const user = serverUserOf(layout, environment);
  return {
    layout,
    user,
    serversHome: serversHomeOf(layout, user),
    environment: serviceEnvironment(layout, environment),
    say: options.say ?? (() => undefined),
  };
}

/** The variables that services and tools of this stack run with: addresses, secrets and what the environment says. */
export function stackEnvironment(environment: Environment = process.env): Record<string, string> {
  const open = openLayout(environment);
  return serviceEnvironment(open.layout, open.environment);
}

/** The part of this name. Throws StackFailure that lists the names there are. */
export function partNamed(name: string): Part {
  const [part] = selectParts(PARTS, [name]);
  if (part === undefined) throw new StackFailure(`There is no part ${name}.`);
  return part;
}
