import { Command } from 'commander';
import type { Call } from '../api-client.ts';
import { print, type Output } from '../output.ts';
import { createSale } from '../sale/sale-calls.ts';
import type { Surroundings } from '../stack/surroundings.ts';
import { wholeNumber } from '../whole-number.ts';
import { loadText, runLoad } from './loadtest.ts';

interface LoadFlags {
  rate: number;
  seconds: number;
  connections: number;
  sale?: string;
  sku: string;
}

/** `firstcome loadtest` */
export function loadCommand(surroundings: () => Surroundings, output: () => Output, tell: (line: string) => void): Command {
  return new Command('loadtest')
    .description('reservations at a stated rate, latency counted from the intended start; only against this machine')
    .option('--rate <n>', 'requests per second', wholeNumber(1, 100_000), 1_000)
    .option('--seconds <n>', 'for how long', wholeNumber(1, 3_600), 10)
    .option('--connections <n>', 'connections at most', wholeNumber(1, 10_000), 512)
    .option('--sale <id>', 'an open sale; one is made where it is absent')
    .option('--sku <sku>', 'item to ask for', 'load')
    .action(async (flags: LoadFlags) => {
      const around = surroundings();
      const origin = new URL(around.origin);
      const run = `load${Date.now().toString(36)}`;
      const units = flags.rate * flags.seconds;
      const saleId = flags.sale ?? (await saleForLoad(around.call, flags.sku, units));
      if (flags.sale === undefined) tell(`sale ${saleId} of ${units} units`);
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
}

async function saleForLoad(call: Call, sku: string, quantity: number): Promise<string> {
  const sale = await createSale(call, {
    name: 'Load test',
    starts_at: new Date(Date.now() - 1_000).toISOString(),
    ends_at: new Date(Date.now() + 86_400_000).toISOString(),
    items: [{ sku, name: 'Load test', unit_price: 100, currency: 'EUR', quantity }],
    hold_seconds: 3_600,
  });
  return sale.id;
}
