import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { EXIT, superviseProcess } from '#shared/telemetry/lifecycle.ts';
import { openLog } from '#shared/telemetry/log.ts';
import { apply, emptyBook } from './book.ts';
import { parseGatewayConfig } from './config.ts';
import { openJournal } from './journal.ts';
import { createGatewayServer } from './server.ts';

/** The simulated payment gateway: a stand-in for a real one, never part of production. */

const config = parseGatewayConfig(process.env);
const log = openLog({ service: 'gateway-sim', instance: config.INSTANCE_ID ?? randomUUID().slice(0, 8), level: config.LOG_LEVEL });

const book = emptyBook();
const journal = await openJournal(config.GATEWAY_JOURNAL, (entry) => apply(book, entry));
const server = createGatewayServer({ book, journal, now: () => new Date() });

superviseProcess({
  process,
  log,
  async stop() {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await journal.close();
  },
});

server.once('error', (error) => {
  log.fatal({ err: error }, `cannot listen on ${config.HTTP_HOST}:${config.HTTP_PORT}; free it or set HTTP_PORT to another`);
  process.exit(EXIT.terminal);
});
server.listen(config.HTTP_PORT, config.HTTP_HOST, () => {
  log.info({ port: (server.address() as AddressInfo).port, charges: book.charges.length }, 'simulated payment gateway ready');
});
