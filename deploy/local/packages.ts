import { execFileSync, spawnSync, type ExecFileSyncOptionsWithStringEncoding } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { StackFailure } from './failure.ts';
import { javaProgram, jarsPresent } from './kafka.ts';
import type { Layout } from './layout.ts';
import { nginxProgram } from './nginx.ts';

/** Programs that come from the system's packages. */

export const javaMajorMin = 17;

interface Tool {
  readonly name: string;
  readonly apt: string;
  readonly brew: string;
  readonly dnf: string;
  /** Installed where that needs no password, and done without elsewhere. */
  readonly optional?: true;
  /** Null where it is there and good enough; else what is wrong. */
  readonly lacking: (layout: Layout) => string | null;
}

/** Whether a program of this name stands on the path, or in the folders that an ordinary user's path leaves out. */
export function onPath(program: string, path = process.env['PATH'] ?? ''): boolean {
  if (program.includes('/')) return existsSync(program);
  return [...path.split(delimiter), '/usr/sbin', '/usr/local/sbin'].some((folder) => folder !== '' && existsSync(join(folder, program)));
}

/** Major version from what `java -version` prints; null where it prints none. */
export function javaMajor(printed: string): number | null {
  const version = /version "(?:1\.)?(\d+)/.exec(printed)?.[1];
  return version === undefined ? null : Number(version);
}

function javaLacking(): string | null {
  const asked = spawnSync(javaProgram(), ['-version'], { encoding: 'utf8' });
  if (asked.error !== undefined) return 'not found';
  const major = javaMajor(asked.stderr + asked.stdout);
  if (major === null) return 'does not tell its version';
  return major >= javaMajorMin ? null : `version ${major}, and Kafka needs ${javaMajorMin} or later`;
}

/** What a writer takes its memory from; by this name the system's loader finds it. Elsewhere than on Linux it does without. */
export const ALLOCATOR = 'libjemalloc.so.2';

/** Why a program would not start with it as it should; null where it would. */
export function allocatorLacking(): string | null {
  if (process.platform !== 'linux') return null;
  const { error, stderr } = spawnSync('true', { env: { ...process.env, LD_PRELOAD: ALLOCATOR }, encoding: 'utf8' });
  const told = error?.message ?? stderr.trim();
  return told === '' ? null : `not usable, so a writer keeps twice the memory after a rush: ${told}`;
}

const TOOLS: readonly Tool[] = [
  { name: 'java', apt: 'default-jre-headless', brew: 'openjdk', dnf: 'java-17-openjdk-headless', lacking: javaLacking },
  {
    name: 'mvn',
    apt: 'maven',
    brew: 'maven',
    dnf: 'maven',
    // Only fetches Kafka's jars: not wanted where they are there.
    lacking: (layout) => (jarsPresent(layout) || onPath('mvn') ? null : 'not found'),
  },
  { name: 'nginx', apt: 'nginx-light', brew: 'nginx', dnf: 'nginx', lacking: () => (onPath(nginxProgram()) ? null : 'not found') },
  {
    name: 'redis-server',
    apt: 'redis-server',
    brew: 'redis',
    dnf: 'redis',
    lacking: () => (onPath('redis-server') ? null : 'not found'),
  },
  { name: 'libjemalloc', apt: 'libjemalloc2', brew: 'jemalloc', dnf: 'jemalloc', optional: true, lacking: allocatorLacking },
];

/** Moves the clock of a program that is started under it. Only the tests of wrong clocks want it. */
const FAKETIME: Tool = {
  name: 'libfaketime',
  apt: 'libfaketime',
  brew: 'libfaketime',
  dnf: 'libfaketime',
  lacking: () => (faketimeLibrary() === null ? 'not found' : null),
};

function faketimeLibrary(): string | null {
  const folders = [...['x86_64', 'aarch64'].map((machine) => `/usr/lib/${machine}-linux-gnu/faketime`), '/usr/lib64/faketime'];
  return folders.map((folder) => join(folder, 'libfaketime.so.1')).find(existsSync) ?? null;
}

/** The library to preload; installed where that needs no password. Throws StackFailure that says what to type. */
export function ensureFaketime(layout: Layout, say: (line: string) => void): string {
  ensureTools([FAKETIME], layout, say);
  return faketimeLibrary()!;
}

/** Put load on an HTTP server, at a rate and as fast as it answers. Only `bench/reads.ts` wants them. */
const LOAD_TOOLS: readonly Tool[] = [
  { name: 'h2load', apt: 'nghttp2-client', brew: 'nghttp2', dnf: 'nghttp2', lacking: () => (onPath('h2load') ? null : 'not found') },
  { name: 'wrk', apt: 'wrk', brew: 'wrk', dnf: 'wrk', lacking: () => (onPath('wrk') ? null : 'not found') },
];

/** Installed where that needs no password. Throws StackFailure that says what to type. */
export function ensureLoadTools(layout: Layout, say: (line: string) => void): void {
  ensureTools(LOAD_TOOLS, layout, say);
}

export interface ToolState {
  readonly name: string;
  readonly optional: boolean;
  readonly lacking: string | null;
  /** What to type to get it. */
  readonly mend: string;
}

export function toolStates(layout: Layout): readonly ToolState[] {
  return TOOLS.map((tool) => ({
    name: tool.name,
    optional: !isRequired(tool),
    lacking: tool.lacking(layout),
    mend: installCommand([tool]),
  }));
}

/** The one command that installs these on this kind of machine. */
function installCommand(tools: readonly Tool[]): string {
  if (onPath('apt-get'))
    return `sudo apt-get update && sudo apt-get install -y --no-install-recommends ${tools.map(({ apt }) => apt).join(' ')}`;
  if (onPath('brew')) return `brew install ${tools.map(({ brew }) => brew).join(' ')}`;
  if (onPath('dnf')) return `sudo dnf install -y ${tools.map(({ dnf }) => dnf).join(' ')}`;
  return `install ${tools.map(({ name }) => name).join(', ')} with your system's package manager`;
}

/**
 * Installs what is missing where that needs no password (root on a Debian), else
 * throws StackFailure that says the one command to type.
 */
export function ensurePackages(layout: Layout, say: (line: string) => void): void {
  ensureTools(TOOLS, layout, say);
}

const isRequired = ({ optional }: Tool): boolean => optional !== true;

function ensureTools(tools: readonly Tool[], layout: Layout, say: (line: string) => void): void {
  const lacking = tools.filter((tool) => tool.lacking(layout) !== null);
  const canInstall = process.getuid?.() === 0 && onPath('apt-get');
  const missing = canInstall ? lacking : lacking.filter(isRequired);
  if (missing.length === 0) return;
  if (!canInstall) {
    const named = missing.map((tool) => `${tool.name} (${tool.lacking(layout) ?? ''})`).join(', ');
    throw new StackFailure(`Not usable on this machine: ${named}. Type this, then run it again:\n  ${installCommand(missing)}`);
  }
  say(`packages: installing ${missing.map(({ apt }) => apt).join(' ')}`);
  // RUNLEVEL=1 keeps the packages from starting servers of their own on their usual ports.
  const options: ExecFileSyncOptionsWithStringEncoding = {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  };
  try {
    execFileSync('apt-get', ['update', '-qq'], options);
    execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing.map(({ apt }) => apt)], options);
  } catch (error) {
    const { stderr = '', stdout = '' } = error as { stderr?: string; stdout?: string };
    throw new StackFailure(`apt-get did not install ${missing.map(({ apt }) => apt).join(' ')}:\n${(stdout + stderr).trimEnd()}`);
  }
  const still = missing.filter((tool) => isRequired(tool) && tool.lacking(layout) !== null);
  if (still.length > 0)
    throw new StackFailure(`Installed, and still not usable: ${still.map(({ name }) => name).join(', ')}. See \`make doctor\`.`);
}
