import { Command, Option } from 'commander';
import { createCall } from '../api-client.ts';
import { print, type Output } from '../output.ts';
import { table } from '../table.ts';

/** One payment that only a person can settle, as the payment service tells it. */
interface ManualPayment {
  readonly order_id: string;
  readonly sale_id: string;
  readonly kind: string;
  readonly amount: number;
  readonly currency: string;
  readonly last_outcome: string | null;
  readonly calls: number;
  readonly since: string;
}

/** `firstcome payments ...`: the manual-intervention list, on the payment service's operators' port. */
export function paymentsCommand(paymentOrigin: () => string, output: () => Output): Command {
  const payments = new Command('payments').description('payments whose end only a person can find out');
  const call = () => createCall({ origin: paymentOrigin(), identity: {} });

  payments
    .command('manual')
    .description('those that wait for a person, the longest waiting first')
    .action(async () => {
      const { data } = (await call()<{ data: ManualPayment[] }>('GET', '/v1/manual')).body;
      print(output(), data, () =>
        data.length === 0
          ? 'none'
          : table(
              ['order', 'sale', 'kind', 'amount', 'last outcome', 'calls', 'since'],
              data.map((one) => [
                one.order_id,
                one.sale_id,
                one.kind,
                `${one.amount} ${one.currency}`,
                one.last_outcome,
                one.calls,
                one.since,
              ]),
            ),
      );
    });

  payments
    .command('settle <order>')
    .description('say how it ended, or have it tried again')
    .addOption(new Option('--as <end>', 'how it ended').choices(['succeeded', 'failed', 'retry']).makeOptionMandatory())
    .option('--gateway-id <id>', 'id of the charge or refund at the gateway, where it ended well')
    .action(async (order: string, { as, gatewayId }: { as: string; gatewayId?: string }) => {
      const body = gatewayId === undefined ? { as } : { as, gateway_id: gatewayId };
      const settled = (await call()<{ state: string }>('POST', `/v1/manual/${encodeURIComponent(order)}/settle`, body)).body;
      print(output(), settled, () => `${order}: ${settled.state}`);
    });

  return payments;
}
