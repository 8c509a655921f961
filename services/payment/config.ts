import { z } from 'zod';
import { TerminalFault } from '#shared/faults/faults.ts';
import { parseEnvironment, type Environment } from '#shared/config/environment.ts';
import { databaseUrl, httpHost, httpUrl, instanceId, kafkaBrokers, logLevel, port, wholeNumber } from '#shared/config/pieces.ts';

const schema = z.object({
  DATABASE_URL: databaseUrl,
  KAFKA_BROKERS: kafkaBrokers,
  HTTP_HOST: httpHost,
  HTTP_PORT: port.default(8104),
  LOG_LEVEL: logLevel,
  INSTANCE_ID: instanceId,
  PAYMENT_GATEWAY_URL: httpUrl.default('http://127.0.0.1:8106'),
  /**
   * Gateways are slow for a few seconds when banks are, and an answer that is given up on costs a retry and
   * leaves the buyer waiting longer than the answer would have: 5 s lets a charge of 3 s through.
   */
  PAYMENT_TIMEOUT_MS: wholeNumber(10, 60_000).default(5_000),
  /** The longest wait before the second try; doubled for each further one, up to 10 min. */
  PAYMENT_RETRY_BASE_MS: wholeNumber(1, 60_000).default(1_000),
  PAYMENT_TRIES_MAX: wholeNumber(1, 100).default(10),
  /** 500 payments a second need 500 places at a gateway that takes a second. */
  PAYMENT_CALLS_MAX: wholeNumber(1, 5_000).default(512),
  /**
   * How long after a crash its payments are taken up by another worker; more than a call and its report may take.
   * Absent: 10 s more than PAYMENT_TIMEOUT_MS.
   */
  PAYMENT_LEASE_MS: wholeNumber(100, 600_000).optional(),
});

export type PaymentConfig = z.output<typeof schema> & { readonly leaseMs: number };

/** Throws TerminalFault `environment_invalid`. */
export function parsePaymentConfig(environment: Environment): PaymentConfig {
  const config = parseEnvironment(schema, environment);
  const leaseMs = config.PAYMENT_LEASE_MS ?? config.PAYMENT_TIMEOUT_MS + 10_000;
  if (leaseMs <= config.PAYMENT_TIMEOUT_MS) {
    throw new TerminalFault('environment_invalid', 'PAYMENT_LEASE_MS must be greater than PAYMENT_TIMEOUT_MS, or be left out');
  }
  return { ...config, leaseMs };
}
