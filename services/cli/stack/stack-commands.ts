import { Command } from 'commander';
import { doctor } from '#deploy/local/doctor.ts';
import { down } from '#deploy/local/down.ts';
import { status } from '#deploy/local/status.ts';
import { findingLines, statusLines } from '#deploy/local/tables.ts';
import { up } from '#deploy/local/up.ts';
import { print, type Output } from '../output.ts';

/** `firstcome up`, `down`, `status`, `doctor`: the stack on this machine. */
export function stackCommands(output: () => Output, tell: (line: string) => void): Command[] {
  return [
    new Command('up').description('start the stack on this machine; what runs is left as it is').action(async () => up({ say: tell })),
    new Command('down').description('stop what `up` started; data stays').action(async () => down({ say: tell })),
    new Command('status').description('how each part of the stack stands; exit code 1 where one is dead or not ready').action(async () => {
      const parts = await status();
      print(output(), parts, () => statusLines(parts).join('\n'));
      if (parts.some(({ state }) => state !== 'ready')) process.exitCode = 1;
    }),
    new Command('doctor').description('what this machine lacks to run the stack; exit code 1 where it lacks something').action(async () => {
      const findings = await doctor();
      print(output(), findings, () => findingLines(findings).join('\n'));
      if (findings.some(({ ok }) => !ok)) process.exitCode = 1;
    }),
  ];
}
