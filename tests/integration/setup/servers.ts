/**
 * Where the tests find their servers. `make test` starts a stack of its own with
 * PORT_OFFSET=10000 and says so in the environment; without it the tests use the
 * stack that `make up` started, so that one of them can be run alone.
 */
export interface TestServers {
  /** Gateway of the stack: what a client sees. */
  readonly firstcomeUrl: string;
  readonly databaseOwnerUrl: string;
  readonly kafkaBrokers: readonly string[];
  readonly redisUrl: string;
}

/** Reads FIRSTCOME_URL, TEST_DATABASE_OWNER_URL, KAFKA_BROKERS and REDIS_URL; the defaults are the local stack's, shifted by PORT_OFFSET. */
export function testServers(environment: Readonly<Record<string, string | undefined>> = process.env): TestServers {
  const offset = Number(environment['PORT_OFFSET'] ?? 0);
  return {
    firstcomeUrl: environment['FIRSTCOME_URL'] ?? `http://127.0.0.1:${8080 + offset}`,
    databaseOwnerUrl: environment['TEST_DATABASE_OWNER_URL'] ?? `postgres://firstcome:firstcome@127.0.0.1:${5460 + offset}/firstcome`,
    kafkaBrokers: (environment['KAFKA_BROKERS'] ?? `127.0.0.1:${9192 + offset}`).split(','),
    redisUrl: environment['REDIS_URL'] ?? `redis://127.0.0.1:${6390 + offset}`,
  };
}
