import { Command } from 'commander';
import { killService } from '#deploy/local/down.ts';
import { restartService, up } from '#deploy/local/up.ts';
import { print, type Output } from '../output.ts';
import type { Surroundings } from '../stack/surroundings.ts';
import { wholeNumber } from '../whole-number.ts';
import { rateOfThisMachine, runDemo } from './demo.ts';
import { demoJson, demoText } from './demo-result.ts';
import { createProgress } from './progress.ts';

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

/** `firstcome demo`: a whole sale, with everything compared and verified at its end. */
export function demoCommand(surroundings: () => Surroundings, output: () => Output, tell: (line: string) => void): Command {
  return new Command('demo')
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
      if (flags.rate === undefined) tell('finding out how much this machine takes, on a sale of its own ("Warm-up")');
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
      print(output(), demoJson(result), () => demoText(result));
      if (!result.ok) process.exitCode = 1;
    });
}
