import { RetryableFault } from '#shared/faults/faults.ts';
import { openReads, type Reads } from '#shared/ledger/read/reads.ts';
import { testServers } from './setup/servers.ts';

/** Reads of the HTTP edge on a running PostgreSQL: what is "not now" is told apart from a bug. */

let reads: Reads;
beforeAll(() => {
  reads = openReads({
    databaseUrl: testServers().databaseOwnerUrl,
    applicationName: 'tests-reads',
    connectionsMax: 2,
    onFault: () => undefined,
  });
});
afterAll(() => reads.close());

const raising = (state: string) => ({ name: `raise_${state}`, text: `DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '${state}'; END $$` });

test.each([
  ['a statement that took too long', '57014'],
  ['a lock that was not had', '55P03'],
  ['a deadlock', '40P01'],
  ['a standby', '25006'],
  ['too many connections', '53300'],
])('%s (%s) is worth another try', async (_what, state) => {
  const fault = await reads.rows(raising(state), []).catch((error: unknown) => error);
  expect(fault).toBeInstanceOf(RetryableFault);
  expect(fault).toMatchObject({ code: 'ledger_unavailable' });
});

test.each([
  ['a division by zero', '22012'],
  ['a column that is not', '42703'],
])('%s (%s) is a bug', async (_what, state) => {
  const error = await reads.rows(raising(state), []).catch((error: unknown) => error);
  expect(error).not.toBeInstanceOf(RetryableFault);
  expect(error).toMatchObject({ code: state });
});
