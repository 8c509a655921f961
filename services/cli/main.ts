/** The `firstcome` command. */
import { Command } from 'commander';
import { StackFailure } from '#deploy/local/failure.ts';
import { RetryableFault, TerminalFault } from '#shared/faults/faults.ts';
import { ApiRefusal } from './api-client.ts';
import { type Output, printable } from './output.ts';
import { surroundingsOf, type Surroundings } from './stack/surroundings.ts';

/** What is told while a command works goes beside its answer. */
const tell = (line: string): void => console.error(printable(line));
const say = (line: string): void => console.log(printable(line));

const program = new Command('firstcome')
  .description('First come, first served, provably: runs, shows and checks a sale.')
  .option('--json', 'one JSON document instead of text')
  .showHelpAfterError()
  .configureHelp({ showGlobalOptions: true });

/** A command that was called wrongly; 1 is for one that failed. */
const USAGE_EXIT_CODE = 2;
program.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : USAGE_EXIT_CODE));

/** With the settings of the program, down to the last of its own commands. */
function withSettings(command: Command): Command {
  command.copyInheritedSettings(program);
  command.commands.forEach(withSettings);
  return command;
}

const surroundings = (): Surroundings => surroundingsOf(process.env);
const output = (): Output => ({ json: program.opts<{ json?: boolean }>().json === true, say });

interface Commands {
  readonly names: readonly string[];
  readonly load: (surroundings: () => Surroundings) => Promise<readonly Command[]>;
}

/** Only what is asked for is loaded: all of it takes half a second and as much memory as the work of some commands. */
const COMMANDS: readonly Commands[] = [
  {
    names: ['up', 'down', 'status', 'doctor'],
    load: async () => (await import('./stack/stack-commands.ts')).stackCommands(output, tell),
  },
  { names: ['demo'], load: async (around) => [(await import('./demo/demo-command.ts')).demoCommand(around, output, tell)] },
  { names: ['loadtest'], load: async (around) => [(await import('./load/load-command.ts')).loadCommand(around, output, tell)] },
  { names: ['sale'], load: async (around) => [(await import('./sale/sale-command.ts')).saleCommand(() => around().call, output)] },
  {
    names: ['payments'],
    load: async (around) => [(await import('./payments/payments-command.ts')).paymentsCommand(() => around().paymentOrigin, output)],
  },
  { names: ['replay'], load: async (around) => [(await import('./replay/replay-command.ts')).replayCommand(around, output, tell)] },
  { names: ['audit'], load: async (around) => [(await import('./audit/audit-command.ts')).auditCommand(around, output, tell)] },
  { names: ['keys'], load: async (around) => [(await import('./keys/keys-command.ts')).keysCommand(around, output)] },
];

try {
  const name = process.argv.slice(2).find((word) => !word.startsWith('-'));
  const asked = COMMANDS.filter(({ names }) => name !== undefined && names.includes(name));
  // Without a name that is known the answer is a list of all.
  for (const { load } of asked.length > 0 ? asked : COMMANDS)
    for (const command of await load(surroundings)) program.addCommand(withSettings(command));
  await program.parseAsync();
} catch (error) {
  // These are made to be read; anything else is a bug and shows where.
  if (!(error instanceof ApiRefusal || error instanceof StackFailure || error instanceof TerminalFault || error instanceof RetryableFault))
    throw error;
  tell(error.message);
  process.exitCode = 1;
}
