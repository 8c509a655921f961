import { Command, InvalidArgumentError } from 'commander';
import type { Call } from '../api-client.ts';
import { print, type Output } from '../output.ts';
import {
  availabilityOf,
  changeSale,
  changeStock,
  createSale,
  listSales,
  reportOf,
  showSale,
  type NewSale,
  type SaleItemBody,
} from './sale-calls.ts';
import { parseItem } from './sale-item.ts';
import { reportText, salesText, saleText } from './sale-text.ts';

/** `firstcome sale ...`: what an operator does to a sale, over the API. */
export function saleCommand(call: () => Call, output: () => Output): Command {
  const sale = new Command('sale').description('create, show and run sales');

  sale
    .command('list')
    .description('sales, the newest first')
    .option('--status <status>', 'scheduled, open, paused or closed')
    .action(async ({ status }: { status?: string }) => {
      const sales = await listSales(call(), status);
      print(output(), sales, () => salesText(sales));
    });

  sale
    .command('create <name>')
    .description('a new sale; it opens by itself at its start')
    .requiredOption('--item <sku:quantity:price:currency[:name]>', 'an item, price in minor units; may be repeated', collectItems, [])
    .option('--starts <time>', 'RFC 3339; default: now')
    .option('--ends <time>', 'RFC 3339; default: a day after its start')
    .option('--per-user <n>', 'units one user may hold or buy', Number)
    .option('--hold <seconds>', 'how long a unit is held', Number)
    .option('--payment <seconds>', 'how long a payment may take', Number)
    .option('--waitlist <n>', 'places in the waitlist', Number)
    .option('--late-payment <policy>', 'refund or reacquire')
    .option('--on-payment-failure <policy>', 'keep_hold or release')
    .option('--retention <years>', 'how long its log is kept after it is archived; default: 7', Number)
    .action(async (name: string, flags: CreateFlags) => {
      const made = await createSale(call(), newSale(name, flags, Date.now()));
      print(output(), made, () => saleText(made, null));
    });

  sale
    .command('show <sale>')
    .description('a sale with its items and what is left of them')
    .action(async (id: string) => {
      const [found, availability] = await Promise.all([showSale(call(), id), availabilityOf(call(), id)]);
      print(output(), { ...found, availability }, () => saleText(found, availability));
    });

  for (const verb of ['open', 'pause', 'resume', 'close'] as const) {
    sale
      .command(`${verb} <sale>`)
      .description(`${verb} it, once the writer has decided so`)
      .action(async (id: string) => {
        const changed = await changeSale(call(), id, verb);
        print(output(), changed, () => `${changed.id} is ${changed.status}`);
      });
  }

  sale
    .command('stock <sale> <sku> <delta>')
    .description('add units, or take away what is neither held nor sold: firstcome sale stock SALE SKU -- -5')
    .action(async (id: string, sku: string, delta: string) => {
      const changed = await changeStock(call(), id, sku, Number(delta));
      print(output(), changed, () => `${sku} of ${id}: ${delta} units`);
    });

  sale
    .command('report <sale>')
    .description('the reconciliation; exit code 1 where an invariant does not hold')
    .action(async (id: string) => {
      const report = await reportOf(call(), id);
      print(output(), report, () => reportText(report));
      if (report.invariants.some((invariant) => !invariant.holds)) process.exitCode = 1;
    });

  return sale;
}

interface CreateFlags {
  item: SaleItemBody[];
  starts?: string;
  ends?: string;
  perUser?: number;
  hold?: number;
  payment?: number;
  waitlist?: number;
  latePayment?: 'refund' | 'reacquire';
  onPaymentFailure?: 'keep_hold' | 'release';
  retention?: number;
}

const dayMs = 86_400_000;

function newSale(name: string, flags: CreateFlags, now: number): NewSale {
  const starts = flags.starts ?? new Date(now).toISOString();
  return {
    name,
    starts_at: starts,
    ends_at: flags.ends ?? new Date(Date.parse(starts) + dayMs).toISOString(),
    items: flags.item,
    ...(flags.perUser === undefined ? {} : { per_user_limit: flags.perUser }),
    ...(flags.hold === undefined ? {} : { hold_seconds: flags.hold }),
    ...(flags.payment === undefined ? {} : { payment_seconds: flags.payment }),
    ...(flags.waitlist === undefined ? {} : { waitlist_limit: flags.waitlist }),
    ...(flags.latePayment === undefined ? {} : { late_payment: flags.latePayment }),
    ...(flags.onPaymentFailure === undefined ? {} : { on_payment_failure: flags.onPaymentFailure }),
    ...(flags.retention === undefined ? {} : { retention_years: flags.retention }),
  };
}

function collectItems(text: string, items: SaleItemBody[]): SaleItemBody[] {
  const item = parseItem(text);
  if (item === null)
    throw new InvalidArgumentError('Write it as sku:quantity:price:currency, the price in minor units: print:100:4900:EUR');
  return [...items, item];
}
