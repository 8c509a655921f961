import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Agent, type IncomingMessage, request } from 'node:http';
import { Client } from 'pg';
import type { Partition, SaleId } from '#schemas/ids.ts';
import { createLatencyRecorder } from '#shared/load/latency.ts';
import { createRequestSender } from '#shared/line/produce.ts';
import { openTileTree } from '#shared/proof/tile-tree.ts';
import { tilesForInclusion } from '#shared/proof/tiles.ts';
import { cpuSeconds, peakRssMb } from './process-figures.ts';
import { always, sendReservations } from './reservation-records.ts';

/**
 * What auditing takes, on the stack that runs: how far signing is behind the writer, what exporting and verifying (with
 * replay) a large log cost a core and how much memory, how fast a proof over ten million events is answered.
 * Prints one JSON line and lines for people. Needs AUTH_MODE=dev.
 *
 *   make up; eval "$(node deploy/local/main.ts env | sed 's/^/export /')"; node bench/audit.ts [--commands 1000000] [--proofs 2000]
 */

const { values: options } = parseArgs({
  options: { commands: { type: 'string', default: '1000000' }, proofs: { type: 'string', default: '2000' } },
});
const commands = Number(options.commands);
const proofs = Number(options.proofs);
const logLeaves = 10_000_000;
const waitMsMax = 600_000;
const verifyRuns = 3;
const warmUpProofs = 50;
/** Everything of the process on one core, the collector's and the file system's threads too. */
const onOneCore = ['taskset', '-c', '0'];

const gateway = process.env['FIRSTCOME_URL'] ?? 'http://127.0.0.1:8080';
const brokers = (process.env['KAFKA_BROKERS'] ?? '127.0.0.1:9192').split(',');
const owner = new Client({
  connectionString: process.env['DATABASE_OWNER_URL'] ?? 'postgres://firstcome:firstcome@127.0.0.1:5460/firstcome',
});
await owner.connect();

const folder = await mkdtemp(join(tmpdir(), 'firstcome-bench-'));
try {
  const sale = await openSale();
  await fillLine(sale);
  const signedBehindMs = await untilSigned(sale.saleNo);
  const place = join(folder, 'export');
  const exported = await cli(['audit', 'export', '--sale', sale.id, '--out', place]);
  const verifications = [];
  for (let run = 0; run < verifyRuns; run++) verifications.push(await cli(['audit', 'verify', place, '--trust-included-keys'], onOneCore));
  const verdicts = verifications.map(({ output }) => JSON.parse(output) as { events: number; verdict: string; seconds: number });
  const { events, verdict } = verdicts.find((one) => one.verdict !== 'verified') ?? verdicts[0]!;
  const rates = verdicts.map(({ seconds }) => Math.round(events / seconds)).toSorted((a, b) => a - b);
  const proof = await timeProofs();
  const result = {
    bench: 'audit',
    events,
    verdict,
    signed_behind_ms: Math.round(signedBehindMs),
    export: { seconds: exported.seconds, cpu_seconds: exported.cpu, peak_rss_mb: exported.peakMb, mb: await megabytes(place) },
    verify: { events_per_second: rates, peak_rss_mb: Math.max(...verifications.map(({ peakMb }) => peakMb)) },
    proof,
    right: verdict === 'verified' && events >= commands,
  };
  console.log(JSON.stringify(result));
  console.log(
    [
      `signed      ${String(result.signed_behind_ms)} ms after the last decision`,
      `export      ${String(events)} events in ${exported.seconds.toFixed(1)} s, ${exported.cpu.toFixed(1)} s of a core, ${String(exported.peakMb)} MB at most`,
      `verify      ${rates.join(', ')} events a second on one core with replay, ${String(result.verify.peak_rss_mb)} MB at most: ${verdict}`,
      `proof       of one in ${String(logLeaves)}: p50 ${String(proof.p50_ms)} ms, p99 ${String(proof.p99_ms)} ms, made of ${String(proof.tiles_max)} tiles at most`,
    ].join('\n'),
  );
  if (!result.right) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
  await owner.end();
}

async function openSale(): Promise<{ id: SaleId; saleNo: number; partition: Partition }> {
  const answer = await fetch(`${gateway}/v1/sales`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-user-id': 'bench',
      'x-scope': 'operator',
      'idempotency-key': randomBytes(8).toString('hex'),
      prefer: 'wait=20',
    },
    body: JSON.stringify({
      name: 'Audit bench',
      starts_at: new Date(Date.now() - 1_000).toISOString(),
      ends_at: new Date(Date.now() + 86_400_000).toISOString(),
      items: [{ sku: 'lamp', name: 'Lamp', unit_price: 1_000, currency: 'EUR', quantity: Math.ceil(commands / 2) }],
      per_user_limit: 1,
      hold_seconds: 3_600,
    }),
  });
  const body = (await answer.json()) as { id: SaleId };
  if (answer.status !== 201) throw new Error(`the sale was not opened: ${String(answer.status)} ${JSON.stringify(body)}; is the stack up?`);
  const { rows } = await owner.query<{ sale_no: number; partition: Partition }>(
    'SELECT sale_no, partition FROM sale_lines WHERE sale_id = $1',
    [body.id],
  );
  return { id: body.id, saleNo: rows[0]!.sale_no, partition: rows[0]!.partition };
}

async function fillLine({ id, partition }: { id: SaleId; partition: Partition }): Promise<void> {
  const sender = createRequestSender({ brokers, topic: 'sale.commands', requestTimeoutMs: 30_000 });
  await sendReservations(sender, { partition, saleId: id }, { from: 0, to: commands, asked: always('lamp'), replies: false });
  await sender.close();
}

/** How long after the last decision it stood under a signature. */
async function untilSigned(saleNo: number): Promise<number> {
  const giveUpAt = Date.now() + waitMsMax;
  let decidedAt: number | undefined;
  for (;;) {
    const { rows } = await owner.query<{ seq: number; signed: number }>(
      `SELECT seq::float8 AS seq, coalesce((SELECT max(size) FROM log_checkpoints c WHERE c.sale_no = s.sale_no), 0)::float8 AS signed
       FROM sales s WHERE sale_no = $1`,
      [saleNo],
    );
    const { seq, signed } = rows[0]!;
    if (seq >= commands + 2) decidedAt ??= performance.now();
    if (decidedAt !== undefined && signed >= seq) return performance.now() - decidedAt;
    if (Date.now() > giveUpAt) throw new Error(`${String(seq)} decided and ${String(signed)} signed after ${String(waitMsMax / 1_000)} s`);
    await pause(50);
  }
}

/** Runs the command as people do; its processor time and memory are read while it lives. */
async function cli(args: readonly string[], under: readonly string[] = []) {
  const begun = performance.now();
  const [command, ...rest] = [...under, process.execPath, 'services/cli/firstcome.mjs', '--json', ...args];
  const child = spawn(command!, rest, { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = once(child, 'close');
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  let [cpu, peakMb] = [0, 0];
  while (child.exitCode === null && child.signalCode === null) {
    cpu = Math.max(cpu, cpuSeconds(child.pid));
    peakMb = Math.max(peakMb, Math.round(peakRssMb(child.pid)));
    await pause(20);
  }
  await ended;
  if (child.exitCode !== 0) throw new Error(`firstcome ${args.join(' ')} ended with ${String(child.exitCode)}: ${output}`);
  return { output, cpu, peakMb, seconds: (performance.now() - begun) / 1_000 };
}

async function megabytes(place: string): Promise<number> {
  const names = ['events.ndjson', 'hashes.bin', 'line.ndjson', 'checkpoints.ndjson'];
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(place, name))).size));
  return Math.round(sizes.reduce((sum, bytes) => sum + bytes, 0) / 1_048_576);
}

/** A tree of ten million random leaves is put beside the real ones: a proof is made of tiles, and asks for nothing else. */
async function timeProofs() {
  const saleId = `bench-${randomBytes(4).toString('hex')}`;
  const saleNo = await plantTree(saleId);
  try {
    const { pathname, hostname, port } = new URL(`${gateway}/v1/audit/sales/${saleId}/proof/inclusion`);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const latency = createLatencyRecorder();
    let tilesMax = 0;
    for (let n = 0; n < proofs + warmUpProofs; n++) {
      const seq = 1 + Math.floor(Math.random() * logLeaves);
      const begun = performance.now();
      await get(agent, { hostname, port, path: `${pathname}?seq=${String(seq)}&size=${String(logLeaves)}` });
      // The first ones open connections and compile.
      if (n >= warmUpProofs) latency.record(performance.now() - begun);
      tilesMax = Math.max(tilesMax, tilesForInclusion(seq - 1, logLeaves).length);
    }
    agent.destroy();
    const { p50Ms, p99Ms } = latency.summary();
    return { leaves: logLeaves, asked: proofs, p50_ms: p50Ms, p99_ms: p99Ms, tiles_max: tilesMax };
  } finally {
    for (const table of ['log_checkpoints', 'log_tiles', 'log_trees', 'sales', 'sale_terms', 'sale_lines'])
      await owner.query(`DELETE FROM ${table} WHERE sale_no = $1`, [saleNo]);
  }
}

async function get(agent: Agent, to: { hostname: string; port: string; path: string }): Promise<void> {
  const asking = request({ ...to, agent, headers: { accept: 'application/json' } });
  asking.end();
  const [response] = (await once(asking, 'response')) as [IncomingMessage];
  let body = '';
  for await (const piece of response.setEncoding('utf8')) body += piece as string;
  if (response.statusCode !== 200) throw new Error(`a proof was answered ${String(response.statusCode)}: ${body}`);
}

async function plantTree(saleId: string): Promise<number> {
  const { rows } = await owner.query<{ sale_no: number }>(
    'INSERT INTO sale_lines (sale_id, partition, active) VALUES ($1, 0, false) RETURNING sale_no',
    [saleId],
  );
  const saleNo = rows[0]!.sale_no;
  const noHash = Buffer.alloc(32);
  await owner.query(`INSERT INTO sale_terms SELECT $1, terms, created_at_ms FROM sale_terms LIMIT 1`, [saleNo]);
  await owner.query(`INSERT INTO sales (sale_no, status, seq, head, last_offset, settled) VALUES ($1, 'closed', $2, $3, 0, true)`, [
    saleNo,
    logLeaves,
    noHash,
  ]);
  await owner.query(`INSERT INTO log_trees (sale_no, size, head, finished) VALUES ($1, $2, $3, true)`, [saleNo, logLeaves, noHash]);
  const tree = openTileTree(0, () => undefined);
  const pageLeaves = 65_536;
  for (let made = 0; made < logLeaves;) {
    const leaves = Math.min(pageLeaves, logLeaves - made);
    const tiles = tree.append(randomBytes(leaves * 32));
    made += leaves;
    await owner.query(
      `INSERT INTO log_tiles (sale_no, level, tile_index, hashes)
       SELECT $1, level, tile_index, hashes FROM unnest($2::smallint[], $3::integer[], $4::bytea[]) AS t (level, tile_index, hashes)
       ON CONFLICT (sale_no, level, tile_index) DO UPDATE SET hashes = excluded.hashes`,
      [saleNo, tiles.map(({ id }) => id.level), tiles.map(({ id }) => id.index), tiles.map(({ hashes }) => Buffer.from(hashes))],
    );
  }
  return saleNo;
}
