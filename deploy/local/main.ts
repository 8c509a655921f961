/**
 * `node deploy/local/main.ts up|down|status|doctor|restart|env`: the stack on this
 * machine, without containers. FIRSTCOME_HOME and PORT_OFFSET say which one.
 */
import { doctor } from './doctor.ts';
import { messageOf } from './failure.ts';
import { down } from './down.ts';
import { stackEnvironment } from './open.ts';
import { status } from './status.ts';
import { restartService, up } from './up.ts';
import { aligned, findingLines, shellLines, statusLines } from './tables.ts';

const [verb = '', ...args] = process.argv.slice(2);
const json = args.includes('--json');
const names = args.filter((arg) => !arg.startsWith('--'));
const say = (line: string): void => {
  console.log(line);
};

const USAGE = aligned([
  ['up', 'starts what is not running; STACK_ONLY=servers starts the four servers only'],
  ['down', 'stops what `up` started'],
  ['status [--json]', 'how each part stands; exit code 1 where one is dead or not ready'],
  ['doctor [--json]', 'looks at what the machine lacks; exit code 1 where it lacks something'],
  ['restart PART...', 'stops parts in order and starts them again, after a change of their code'],
  ['env', 'variables for a shell: eval "$(node deploy/local/main.ts env)"'],
]);

async function run(): Promise<number> {
  switch (verb) {
    case 'up':
      await up({ say });
      return 0;
    case 'down':
      await down({ say });
      return 0;
    case 'status': {
      const parts = await status();
      say(json ? JSON.stringify(parts, null, 2) : statusLines(parts).join('\n'));
      return parts.some(({ state }) => state === 'dead' || state === 'not ready') ? 1 : 0;
    }
    case 'doctor': {
      const findings = await doctor();
      say(json ? JSON.stringify(findings, null, 2) : findingLines(findings).join('\n'));
      return findings.every(({ ok }) => ok) ? 0 : 1;
    }
    case 'restart':
      for (const name of names) await restartService(name, { say });
      return 0;
    case 'env':
      say(
        shellLines(stackEnvironment({ PORT_OFFSET: process.env['PORT_OFFSET'], FIRSTCOME_HOME: process.env['FIRSTCOME_HOME'] })).join('\n'),
      );
      return 0;
    default:
      console.error(`Say what to do:\n${USAGE.map((line) => `  ${line}`).join('\n')}`);
      return 2;
  }
}

try {
  process.exitCode = await run();
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}
