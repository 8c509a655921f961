import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import type { Pool } from 'pg';
import { openPool } from '#shared/ledger/connections.ts';
import { createLeadership, type Leadership } from '#shared/ledger/leadership.ts';
import { releaseUnscheduledLines } from '#shared/ledger/release-lines.ts';
import { createTestDatabase, type TestDatabase } from './databases.ts';

/** Who leads, and which lines are released, against PostgreSQL. */

let database: TestDatabase;
let pool: Pool;
let owner: Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = openPool(database.appUrl, 'scheduler-test', 2);
  owner = openPool(database.ownerUrl, 'scheduler-test', 1);
});

afterAll(async () => {
  await Promise.all([pool.end(), owner.end()]);
  await database.drop();
});

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`never came true: ${what}`);
    await wait(20);
  }
}

describe('leadership', () => {
  const all: Leadership[] = [];
  const errors: unknown[] = [];
  const join = (): Leadership => {
    const leadership = createLeadership(database.appUrl, 'scheduler', (error) => errors.push(error));
    all.push(leadership);
    return leadership;
  };
  afterEach(async () => {
    await Promise.all(all.splice(0).map((each) => each.release()));
    errors.length = 0;
  });

  test('one leads, and goes on leading; a released one is followed by the standby', async () => {
    const [first, second] = [join(), join()];
    expect([await first.holds(), await second.holds(), await first.holds(), await second.holds()]).toEqual([true, false, true, false]);
    await first.release();
    await until('the standby leads', () => second.holds());
    expect(await first.holds()).toBe(false);
    expect(errors).toEqual([]);
  });

  test('a leader whose connection dies leads no more, and the standby does', async () => {
    const [first, second] = [join(), join()];
    expect([await first.holds(), await second.holds()]).toEqual([true, false]);
    await owner.query(
      "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    );
    await until('the standby leads', () => second.holds());
    expect(await first.holds()).toBe(false);
    expect(errors.length).toBeGreaterThan(0);
  });

  test('without a ledger nobody leads, and nothing is thrown', async () => {
    const leadership = createLeadership('postgres://nobody@127.0.0.1:1/nothing', 'scheduler', (error) => errors.push(error));
    expect(await leadership.holds()).toBe(false);
    expect(await leadership.holds()).toBe(false);
    expect(errors).toHaveLength(2);
    await leadership.release();
  });
});

test('only lines that were given long ago, never got a sale and have a writer are released', async () => {
  const cases: { sale: string; ageMinutes: number; scheduled?: boolean; writer?: boolean; released: boolean }[] = [
    { sale: 'abandoned', ageMinutes: 11, released: true },
    { sale: 'young', ageMinutes: 9, released: false },
    { sale: 'scheduled', ageMinutes: 11, scheduled: true, released: false },
    { sale: 'without-a-writer', ageMinutes: 11, writer: false, released: false },
  ];
  for (const [partition, { sale, ageMinutes, scheduled, writer = true }] of cases.entries()) {
    await pool.query(`INSERT INTO partitions (partition, lease_until) VALUES ($1, now() + $2 * interval '1 minute')`, [
      partition,
      writer ? 1 : -1,
    ]);
    const { rows } = await pool.query<{ sale_no: number }>(
      `INSERT INTO sale_lines (sale_id, partition, created_at) VALUES ($1, $2, now() - $3 * interval '1 minute') RETURNING sale_no`,
      [sale, partition, ageMinutes],
    );
    if (scheduled)
      await pool.query(`INSERT INTO sales (sale_no, status, seq, head, last_offset) VALUES ($1, 'scheduled', 1, '\\x00', 0)`, [
        rows[0]!.sale_no,
      ]);
  }
  expect(await releaseUnscheduledLines(pool)).toEqual(['abandoned']);
  expect(await releaseUnscheduledLines(pool)).toEqual([]);
  const active = await pool.query<{ sale_id: string }>('SELECT sale_id FROM sale_lines WHERE active ORDER BY sale_no');
  expect(active.rows.map((row) => row.sale_id)).toEqual(cases.filter((each) => !each.released).map((each) => each.sale));
});

describe('two scheduler processes', () => {
  const processes: ChildProcess[] = [];
  afterEach(async () => {
    for (const child of processes.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });

  /** Its metrics tell whether it leads. Kafka is not there: that stops nobody from leading. */
  async function start(): Promise<{ child: ChildProcess; leads: () => Promise<boolean> }> {
    const child = spawn(process.execPath, ['services/scheduler/main.ts'], {
      env: { ...process.env, DATABASE_URL: database.appUrl, KAFKA_BROKERS: '127.0.0.1:1', HTTP_PORT: '0', LOG_LEVEL: 'info' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    processes.push(child);
    const port = await new Promise<number>((resolve) => {
      let text = '';
      child.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const found = /"port":(\d+)/.exec(text);
        if (found) resolve(Number(found[1]));
      });
    });
    const leads = async () => /^firstcome_scheduler_leading\S* 1$/m.test(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text());
    return { child, leads };
  }

  test('the standby takes over when the leader is killed, and ends in order when asked to', async () => {
    const first = await start();
    await until('the first leads', first.leads);
    const second = await start();
    expect(await second.leads()).toBe(false);
    first.child.kill('SIGKILL');
    await until('the second leads', second.leads);
    second.child.kill('SIGTERM');
    expect(await once(second.child, 'exit')).toEqual([0, null]);
  });
});
