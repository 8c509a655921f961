import { execFileSync } from 'node:child_process';
import type { EpochMs, Offset } from '#schemas/ids.ts';
import type { Evidence, EvidenceFault } from '#shared/evidence/evidence.ts';
import { EMPTY_HEAD, seal } from '#shared/proof/seal.ts';
import { advance } from '#shared/sale/advance.ts';
import { initialState } from '#shared/sale/state.ts';
import { reserve, SALE, schedule, termsOf } from '#shared/sale/testing/commands.ts';
import { makeReport, type ReportRequest } from './make-report.ts';
import { measureEvidence, type Measured } from './measure-evidence.ts';
import { reportPage } from './report-page.ts';
import { percent } from './report-sections.ts';
import { type AuditReport, reportText } from './report-text.ts';

const name = `<script>alert("x")</script> & 'co' \u001b[31m`;

/** A sale of two units for which three ask, the last of them accepted first. */
function leavesOf(): string[] {
  const state = initialState(SALE);
  const commands = [
    schedule('setup', termsOf('A:2', { name })),
    reserve('r0', 'ann', 'A'),
    reserve('r1', 'bob', 'A'),
    reserve('r2', 'cyd', 'A'),
  ];
  const accepted = [1, 20, 30, 10];
  const events = commands.flatMap((command, index) => [
    ...advance(state, {
      offset: index as Offset,
      at: 100 as EpochMs,
      command: { ...command, accepted_at: accepted[index]! as EpochMs } as typeof command,
    }).events,
  ]);
  return seal(events, EMPTY_HEAD).sealed.map(({ leaf }) => leaf);
}

const leaves = leavesOf();

function evidenceOf(
  lines: readonly string[],
  { saleId = SALE, auditedThrough = lines.length, faults = [] as EvidenceFault[] } = {},
): Evidence {
  return {
    start: {
      saleId,
      origin: `firstcome.local/log/${saleId}`,
      auditedThrough,
      status: 'open',
      settled: false,
    } as unknown as Evidence['start'],
    async *events() {
      yield lines.slice(0, 2).map((leaf) => ({ leaf: Buffer.from(leaf), storedHash: null }));
      yield lines.slice(2).map((leaf) => ({ leaf: Buffer.from(leaf), storedHash: null }));
    },
    line: () => null,
    async *checkpoints() {
      // None is signed.
    },
    keys: [],
    faults: () => faults,
  };
}

async function measured(): Promise<Extract<Measured, { kind: 'measured' }>> {
  const result = await measureEvidence(evidenceOf(leaves));
  if (result.kind !== 'measured') throw new Error(result.why);
  return result;
}

async function report(): Promise<AuditReport> {
  const { figures, head } = await measured();
  return {
    saleId: SALE,
    source: 'x.tar',
    origin: 'log/sale',
    status: 'open',
    settled: false,
    head,
    madeAt: '2026-11-21T00:00:00.000Z',
    figures,
  };
}

test('evidence is measured as its events say, and tied to the hash of the last', async () => {
  const { figures, head } = await measured();
  expect(head).toMatch(/^[0-9a-f]{64}$/);
  expect(figures).toMatchObject({
    events: leaves.length,
    order: { requests: 3, invertedPairs: 2, overtaken: 1, millisecondsMax: 20 },
    firstCome: { units: 2, unitsInOrder: 1, requestsPassedOver: 1 },
    reconciliation: { items: [{ sku: 'A', total: 2, held: 2, sold: 0, available: 0 }] },
  });
});

const fault: EvidenceFault = { verdict: 'unverifiable', code: 'file_missing', why: 'hashes.bin is missing' };

test.each<[string, Evidence, number | null, string]>([
  ['bytes that are no event', evidenceOf([leaves[0]!, 'x', ...leaves.slice(2)]), 2, 'is no event'],
  [
    'an event changed',
    evidenceOf([leaves[0]!, leaves[1]!.replace('sale.opened', 'sale.paused'), ...leaves.slice(2)]),
    3,
    'does not name the hash',
  ],
  ['an event missing', evidenceOf([leaves[0]!, ...leaves.slice(2)]), 2, 'does not name the hash'],
  ['another sale', evidenceOf(leaves, { saleId: 'other' as typeof SALE }), 1, 'is of sale sale'],
  ['the end missing', evidenceOf(leaves.slice(0, -1), { auditedThrough: leaves.length }), leaves.length - 1, 'what is missing'],
  ['a broken container', evidenceOf(leaves, { faults: [fault] }), null, 'hashes.bin'],
  ['nothing', evidenceOf([]), null, 'empty'],
])('not measured: %s', async (_, evidence, seq, why) => {
  expect(await measureEvidence(evidence)).toEqual({ kind: 'refused', seq, why: expect.stringContaining(why) });
});

test('the text says the figures, and nothing that steers a terminal', async () => {
  const text = reportText(await report());
  expect(text).toMatch(/to whom the ideal line gives them +1\n +share +50 %/);
  expect(text).toMatch(/inverted pairs +2 of 3\n +share +66.67 %/);
  expect(text).toMatch(/refused: sold_out +1 +90 +90 +90 +90/);
  expect(text.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f]/);
});

test('the page says the same, with every name escaped', async () => {
  const page = reportPage(await report(), { density: '<svg id="d"></svg>', waits: '', units: '', lorenz: '' });
  expect(page).toContain('<h1>Audit report: &lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;co&#39;');
  expect(page).not.toMatch(/<script|<link|<img|\bsrc=|\bhref=|url\(/);
  expect(page).toContain('<tr><th scope="row" class="part">share</th><td>50 %</td></tr>');
  expect(page.match(/<div class="plot">/g)).toHaveLength(1);
});

test('the plots are drawn by Node as it runs the command', async () => {
  const result = await measureEvidence(evidenceOf(leaves));
  if (result.kind !== 'measured') throw new Error(result.why);
  const program = `
    import { drawPlots } from '${process.cwd()}/services/cli/audit/report-plots.ts';
    process.stdout.write(JSON.stringify(drawPlots(JSON.parse(process.argv[1]))));`;
  const args = ['--input-type=module', '-e', program, JSON.stringify(result.curves)];
  const plots = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Record<string, string>;
  expect(Object.keys(plots).sort()).toEqual(['density', 'lorenz', 'units', 'waits']);
  // What Plot warns of, it also marks with a sign in the picture.
  for (const svg of Object.values(plots)) {
    expect(svg).toMatch(/^<(svg|figure)[\s\S]*aria-label[\s\S]*<\/(svg|figure)>$/);
    expect(svg).not.toContain('⚠');
  }
  expect(plots['waits']).toContain('refused: sold_out');
  // An empty sale has no picture to draw but its stock.
  const nothing = { waits: [], density: { side: 0, requests: 0, cells: [] }, units: [], lorenz: [] };
  args[3] = JSON.stringify(nothing);
  expect(JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))).toEqual({ waits: '', density: '', units: '', lorenz: '' });
});

test.each([
  [null, null],
  [0, '0 %'],
  [1, '100 %'],
  [0.99999, '> 99.99 %'],
  [0.00001, '< 0.01 %'],
  [0.12345, '12.35 %'],
])('percent: %s is %s', (share, text) => {
  expect(percent(share)).toBe(text);
});

test.each<[string, ReportRequest, number, RegExp]>([
  ['an export', { path: 'sale.tar' }, 0, /"units_in_order": 1/],
  ['a sale of the running system', { sale: 'sale' }, 0, /"source": "the running system"/],
  ['neither', {}, 2, /Give either/],
  ['both', { path: 'sale.tar', sale: 'sale' }, 2, /Give either/],
  ['one that cannot be opened', { path: 'missing.tar' }, 1, /no such export/],
  ['one that cannot be measured', { path: 'empty.tar' }, 1, /log is empty/],
])('the command: %s', async (_, request, exitCode, said) => {
  const lines: string[] = [];
  const say = (line: string): number => lines.push(line);
  let opened = 0;
  const found = await makeReport(request, {
    open: async (place) => {
      if ('path' in place && place.path === 'missing.tar') return 'no such export';
      opened += 1;
      const evidence = evidenceOf('path' in place && place.path === 'empty.tar' ? [] : leaves);
      return { evidence, close: async () => void (opened -= 1) };
    },
    output: () => ({ json: true, say }),
    tell: say,
    now: () => new Date(0),
  });
  expect(found).toBe(exitCode);
  expect(lines.join('\n')).toMatch(said);
  expect(opened).toBe(0);
});
