import { openLayout, stackEnvironment } from '#deploy/local/open.ts';
import { openPool } from '#shared/ledger/connections.ts';
import { createCall, identityHeaders, type Call } from '../api-client.ts';
import { createLedgerView, type LedgerView } from '../demo/ledger-view.ts';

/** Where the command line finds the stack: addresses, who it is, a way into the ledger. */
export interface Surroundings {
  /** Origin of the gateway. */
  readonly origin: string;
  readonly call: Call;
  /** Calls as a buyer. */
  readonly callAs: (userId: string) => Call;
  /** Folder of the stack. */
  readonly home: string;
  readonly paymentOrigin: string;
  readonly gatewaySimUrl: string;
  readonly userRefSecret: string;
  readonly databaseUrl: string;
  readonly databaseOwnerUrl: string;
  readonly kafkaBrokers: readonly string[];
  /** AUDIT_KEYS_DIR of the stack. */
  readonly keysFolder: string;
  /** AUDIT_ORIGIN: what the names of the logs begin with, and the name of the key. */
  readonly auditOrigin: string;
  /** ARCHIVE_URL: where settled sales are archived. */
  readonly archiveUrl: string | undefined;
  /** Parts that are writers, with their operators' ports. */
  readonly writers: readonly { readonly part: string; readonly port: number }[];
  /** Header lines of a buyer. */
  readonly buyerIdentity: (userId: string) => string;
  /** Opens connections to the ledger; `close` ends them. */
  openLedger(): { readonly view: LedgerView; close(): Promise<void> };
}

const operator = 'firstcome-cli';
const operatorScopes = 'buyer operator auditor';
/** Of the demo's looks into the ledger. */
const ledgerConnectionsMax = 2;

/** Reads `.env`, the environment and the stack's own folder. FIRSTCOME_TOKEN is sent where it is set. */
export function surroundingsOf(environment: Readonly<Record<string, string | undefined>>): Surroundings {
  const { layout } = openLayout(environment);
  const stack = stackEnvironment(environment);
  const origin = environment['FIRSTCOME_URL'] ?? `http://127.0.0.1:${layout.ports.gateway}`;
  return {
    origin,
    call: createCall({ origin, identity: identityHeaders(operator, operatorScopes, environment['FIRSTCOME_TOKEN']) }),
    callAs: (userId) => createCall({ origin, identity: { 'x-user-id': userId } }),
    home: layout.home,
    paymentOrigin: `http://127.0.0.1:${layout.ports.payment}`,
    gatewaySimUrl: `http://127.0.0.1:${layout.ports['gateway-sim']}`,
    userRefSecret: stack['USER_REF_SECRET']!,
    databaseUrl: stack['DATABASE_URL']!,
    databaseOwnerUrl: stack['DATABASE_OWNER_URL']!,
    kafkaBrokers: stack['KAFKA_BROKERS']!.split(','),
    keysFolder: stack['AUDIT_KEYS_DIR']!,
    auditOrigin: stack['AUDIT_ORIGIN']!,
    archiveUrl: stack['ARCHIVE_URL'],
    writers: [
      { part: 'writer', port: layout.ports.writer },
      { part: 'writer-standby', port: layout.ports['writer-standby'] },
    ],
    buyerIdentity: (userId) => `X-User-Id: ${userId}\r\n`,
    openLedger() {
      const pool = openPool(stack['DATABASE_URL']!, 'firstcome-cli', ledgerConnectionsMax);
      return { view: createLedgerView(pool), close: () => pool.end() };
    },
  };
}
