import { RetryableFault, TerminalFault } from '#shared/faults/faults.ts';
import { ledgerFault, sqlStateOf } from './ledger-fault.ts';

const failed = (code: string | undefined, message = 'it failed') => Object.assign(new Error(message), code === undefined ? {} : { code });

describe('an error of PostgreSQL', () => {
  it.each<[string, string | undefined, string, string | null]>([
    // what, code, message, fault (null: a bug, as it is)
    ['a statement that took too long', '57014', 'canceling statement', 'ledger_statement_timeout'],
    ['a lock that was not had', '55P03', 'canceling statement', 'ledger_lock_timeout'],
    ['a deadlock', '40P01', 'deadlock', 'ledger_conflict'],
    ['a server that shuts down', '57P01', 'terminating connection', 'ledger_unreachable'],
    ['a server that starts', '57P03', 'starting up', 'ledger_unreachable'],
    ['too many connections', '53300', 'too many clients', 'ledger_out_of_resources'],
    ['a full disk', '53100', 'disk full', 'ledger_out_of_resources'],
    ['a standby', '25006', 'read-only transaction', 'ledger_read_only'],
    ['nobody listening', 'ECONNREFUSED', '', 'ledger_unreachable'],
    ['a cut connection', undefined, 'Connection terminated unexpectedly', 'ledger_unreachable'],
    ['a pool that is used up', undefined, 'timeout exceeded when trying to connect', 'ledger_unreachable'],
    ['a wrong password', '28P01', 'password authentication failed', 'ledger_refused'],
    ['no such database', '3D000', 'does not exist', 'ledger_refused'],
    ['no such table', '42P01', 'does not exist', 'ledger_not_migrated'],
    ['a check that is violated', '23514', 'violates check constraint', null],
    ['a key that is there already', '23505', 'duplicate key', null],
    ['a division by zero', '22012', 'division by zero', null],
    ['anything else', undefined, 'cannot read properties of undefined', null],
  ])('%s (%s)', (_what, code, message, expected) => {
    const error = failed(code, message);
    const fault = ledgerFault(error, 'testing');
    if (expected === null) {
      expect(fault).toBe(error);
      return;
    }
    expect(fault).toMatchObject({ code: expected, cause: error });
    expect((fault as Error).message).toMatch(/^testing: .*; \w/);
    expect(fault instanceof TerminalFault).toBe(/refused|migrated/.test(expected));
  });

  it('that is a fault already comes back as it is', () => {
    const fault = new RetryableFault('commit_unknown', 'take over again');
    expect(ledgerFault(fault, 'testing')).toBe(fault);
  });

  it('has its SQLSTATE, and no other error has one', () => {
    expect([failed('23505'), failed('ECONNRESET'), failed(undefined), null, 'x'].map(sqlStateOf)).toEqual([
      '23505',
      null,
      null,
      null,
      null,
    ]);
  });
});
