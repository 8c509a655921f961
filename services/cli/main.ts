/** The `firstcome` command. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { doctor } from '#deploy/local/doctor.ts';
import { down, killService } from '#deploy/local/down.ts';
import { StackFailure } from '#deploy/local/failure.ts';
import { status } from '#deploy/local/status.ts';
import { findingLines, statusLines } from '#deploy/local/tables.ts';
import { restartService, up } from '#deploy/local/up.ts';
import { RetryableFault, TerminalFault } from '#shared/faults/faults.ts';
import { ApiRefusal } from './api-client.ts';
import { auditCommand } from './audit/audit-command.ts';
import { rateOfThisMachine, runDemo } from './demo/demo.ts';
import { demoText } from './demo/demo-result.ts';
import { createProgress } from './demo/progress.ts';
import { loadText, runLoad } from './load/loadtest.ts';
import { keysCommand } from './keys/keys-command.ts';
import { print, type Output } from './output.ts';
import { paymentsCommand } from './payments/payments-command.ts';
import { replayCommand } from './replay/replay-command.ts';
import { saleCommand } from './sale/sale-command.ts';
import { createSale } from './sale/sale-calls.ts';
import { surroundingsOf } from './stack/surroundings.ts';

const surroundings = () => surroundingsOf(process.env);
const say = (line: string): void => console.log(line);
/** What is told while a command works goes beside its answer. */
const tell = (line: string): void => console.error(line);

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < min || value > max)
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    return value;
  };
}

const program = new Command('firstcome')
  .description('First come, first served, provably: runs, shows and checks a sale.')
  .option('--json', 'one JSON document instead of text')
  .showHelpAfterError()
  .configureHelp({ showGlobalOptions: true });

const output = (): Output => ({ json: program.opts<{ json?: boolean }>().json === true, say });

program
  .command('up')
  .description('start the stack on this machine; what runs is left as it is')
  .action(async () => up({ say: tell }));

program
  .command('down')
  .description('stop what `up` started; data stays')
  .action(async () => down({ say: tell }));

program
  .command('status')
  .description('how each part of the stack stands; exit code 1 where one is dead or not ready')
  .action(async () => {
    const parts = await status();
    print(output(), parts, () => statusLines(parts).join('\n'));
    if (parts.some(({ state }) => state !== 'ready')) process.exitCode = 1;
  });

program
  .command('doctor')
  .description('what this machine lacks to run the stack; exit code 1 where it lacks something')
  .action(async () => {
    const findings = await doctor();
    print(output(), findings, () => findingLines(findings).join('\n'));
    if (findings.some(({ ok }) => !ok)) process.exitCode = 1;
  });

interface DemoFlags {
  units: number;
  buyers: number;
  rate?: number;
  waitlist: number;
  hold: number;
  payment: number;
  settle: number;
  kill: boolean;
  up: boolean;
}

program
  .command('demo')
  .description(
    'run a whole sale with a crowd of buyers and a crash in the middle, then compare everything; exit code 1 where something is off',
  )
  .option('--units <n>', 'units on sale', wholeNumber(1, 1_000_000), 10_000)
  .option('--buyers <n>', 'buyers, each asking for one unit', wholeNumber(1, 1_000_000), 50_000)
  .option('--rate <n>', 'buyers arriving per second; default: half of what this machine answers, at most 2,000', wholeNumber(1, 50_000))
  .option('--waitlist <n>', 'places in the waitlist', wholeNumber(0, 1_000_000), 2_000)
  .option('--hold <seconds>', 'how long a unit is held', wholeNumber(1, 3_600), 20)
  .option('--payment <seconds>', 'how long a payment may take', wholeNumber(1, 86_400), 60)
  .option('--settle <seconds>', 'how long the end of the sale may take after the last arrival', wholeNumber(1, 3_600), 180)
  .option('--no-kill', 'do not kill the writer halfway')
  .option('--no-up', 'do not start the stack first')
  .action(async (flags: DemoFlags) => {
    if (flags.up) await up({ say: tell });
    const { units, buyers, waitlist, kill } = flags;
    const around = surroundings();
    const rate = flags.rate ?? (await rateOfThisMachine(around));
    const options = {
      units,
      buyers,
      rate,
      waitlist,
      kill,
      holdSeconds: flags.hold,
      paymentSeconds: flags.payment,
      settleSeconds: flags.settle,
    };
    const result = await runDemo(options, {
      surroundings: around,
      progress: createProgress(process.stderr),
      say: tell,
      kill: (part) => killService(part, 'SIGKILL'),
      restart: (part) => restartService(part),
    });
    print(output(), result, () => demoText(result));
    if (!result.ok) process.exitCode = 1;
  });

interface LoadFlags {
  rate: number;
  seconds: number;
  connections: number;
  sale?: string;
  sku: string;
}

program
  .command('loadtest')
  .description('reservations at a stated rate, latency counted from the intended start; only against this machine')
  .option('--rate <n>', 'requests per second', wholeNumber(1, 100_000), 1_000)
  .option('--seconds <n>', 'for how long', wholeNumber(1, 3_600), 10)
  .option('--connections <n>', 'connections at most', wholeNumber(1, 10_000), 512)
  .option('--sale <id>', 'an open sale; one is made where it is absent')
  .addOption(new Option('--sku <sku>', 'item to ask for').default('load'))
  .action(async (flags: LoadFlags) => {
    const around = surroundings();
    const origin = new URL(around.origin);
    const run = `load${Date.now().toString(36)}`;
    const saleId = flags.sale ?? (await saleForLoad(around, flags.sku, flags.rate * flags.seconds));
    const result = await runLoad({
      host: origin.hostname,
      port: Number(origin.port || 80),
      saleId,
      sku: flags.sku,
      rate: flags.rate,
      seconds: flags.seconds,
      connectionsMax: flags.connections,
      identity: around.buyerIdentity,
      run,
    });
    print(output(), { sale_id: saleId, ...result }, () => loadText(result));
  });

async function saleForLoad(around: ReturnType<typeof surroundings>, sku: string, quantity: number): Promise<string> {
  const sale = await createSale(around.call, {
    name: 'Load test',
    starts_at: new Date(Date.now() - 1_000).toISOString(),
    ends_at: new Date(Date.now() + 86_400_000).toISOString(),
    items: [{ sku, name: 'Load test', unit_price: 100, currency: 'EUR', quantity }],
    hold_seconds: 3_600,
  });
  tell(`sale ${sale.id} of ${quantity} units`);
  return sale.id;
}

program.addCommand(saleCommand(() => surroundings().call, output));
program.addCommand(paymentsCommand(() => surroundings().paymentOrigin, output));
program.addCommand(replayCommand(surroundings, output, tell));
program.addCommand(auditCommand(surroundings, output, tell));
program.addCommand(keysCommand(surroundings, output));

try {
  await program.parseAsync();
} catch (error) {
  // These are made to be read; anything else is a bug and shows where.
  if (!(error instanceof ApiRefusal || error instanceof StackFailure || error instanceof TerminalFault || error instanceof RetryableFault))
    throw error;
  console.error(error.message);
  process.exitCode = 1;
}
