import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SaleId, SaleNo } from '#schemas/ids.ts';
import { RetryableFault } from '#shared/faults/faults.ts';
import type { LogRow, LogStanding, StoredCheckpoint, TreeStore } from '#shared/ledger/log/tree-store.ts';
import { canonicalJson } from '#shared/proof/canonical.ts';
import { openCheckpoint } from '#shared/proof/checkpoint.ts';
import { createSigningKey } from '#shared/proof/note.ts';
import { EMPTY_HEAD } from '#shared/proof/seal.ts';
import { leafHash } from '#shared/proof/tree-hash.ts';
import { openLog } from '#shared/telemetry/log.ts';
import { createFollower, type Follower } from './follower.ts';
import { createGuardFiles, type GuardFiles } from './guard-files.ts';

/** The follower over a ledger in memory, turn by turn, by a clock that only the tests move. */

const ORIGIN = 'firstcome.test/log';
const key = createSigningKey(ORIGIN, Buffer.alloc(32, 7));
const log = openLog({ service: 'test', instance: 'test', level: 'silent' });

interface MemorySale {
  readonly saleNo: SaleNo;
  events: LogRow[];
  status: LogStanding['status'];
  settled: boolean;
  size: number;
  treeHead: string;
  finished: boolean;
  readonly tiles: Map<string, Uint8Array>;
  readonly checkpoints: StoredCheckpoint[];
}

/** Does what the statements of the tree store do; `ledger.test` of integration has those. */
function createLedger() {
  const sales = new Map<SaleId, MemorySale>();
  let away = false;
  const byNo = (saleNo: SaleNo): MemorySale => [...sales.values()].find((sale) => sale.saleNo === saleNo)!;
  const reach = (): void => {
    if (away) throw new RetryableFault('ledger_unreachable', 'PostgreSQL is away');
  };
  const store: TreeStore = {
    async standings(all) {
      reach();
      return [...sales].flatMap(([saleId, sale]) => {
        const { saleNo, status, settled, events, size, treeHead } = sale;
        if (sale.finished && !(all && size !== events.length)) return [];
        const head = events.at(-1)?.hash.toString('hex') ?? EMPTY_HEAD;
        return [{ saleNo, saleId, status, settled, seq: events.length, head, size, treeHead }];
      });
    },
    async page(saleNo, afterSeq, throughSeq, eventsMax) {
      reach();
      return byNo(saleNo)
        .events.filter(({ seq }) => seq > afterSeq && seq <= throughSeq)
        .slice(0, eventsMax);
    },
    async tiles(saleNo) {
      reach();
      const { tiles } = byNo(saleNo);
      return ({ level, index }) => tiles.get(`${level}/${index}`);
    },
    async grow({ saleNo, sizeBefore, size, head, tiles }) {
      reach();
      const sale = byNo(saleNo);
      if (sale.size !== sizeBefore) return 'elsewhere';
      Object.assign(sale, { size, treeHead: head, finished: false });
      for (const { id, hashes } of tiles) sale.tiles.set(`${id.level}/${id.index}`, Buffer.from(hashes));
      return 'grown';
    },
    async newestCheckpoint(saleNo) {
      return byNo(saleNo).checkpoints.toSorted((a, b) => b.size - a.size)[0] ?? null;
    },
    async keepCheckpoint(checkpoint) {
      const { checkpoints } = byNo(checkpoint.saleNo);
      if (!checkpoints.some(({ size }) => size === checkpoint.size)) checkpoints.push(checkpoint);
    },
    async finish(saleNo, size) {
      const sale = byNo(saleNo);
      if (sale.size === size) sale.finished = true;
    },
    unknownOf: async (saleIds) => saleIds.filter((saleId) => !sales.has(saleId)),
  };
  return {
    store,
    sales,
    setAway: (now: boolean) => (away = now),
    open(name: string): MemorySale {
      const sale: MemorySale = {
        saleNo: (sales.size + 1) as SaleNo,
        events: [],
        status: 'open',
        settled: false,
        size: 0,
        treeHead: EMPTY_HEAD,
        finished: false,
        tiles: new Map(),
        checkpoints: [],
      };
      sales.set(name as SaleId, sale);
      return sale;
    },
  };
}

/** Appends events to a sale's log. */
function tell(sale: MemorySale, name: string, count: number): void {
  for (let n = 0; n < count; n++) {
    const prev = sale.events.at(-1)?.hash.toString('hex') ?? EMPTY_HEAD;
    const seq = sale.events.length + 1;
    const leaf = Buffer.from(canonicalJson({ v: 1, type: 'sale.paused', sale_id: name, seq, prev }));
    sale.events.push({ seq, leaf, hash: leafHash(leaf) });
  }
}

const signedSizes = (sale: MemorySale): number[] => sale.checkpoints.map(({ size }) => size);

let folder = '';
let nowMs = 0;
let leading = true;
let ledger: ReturnType<typeof createLedger>;
let guards: GuardFiles;
let follower: Follower;
let turn: () => Promise<void>;
let faults: unknown[];
let end: () => Promise<void>;

/** A follower that stands still until the test lets it take a turn. */
function follow(): void {
  const stopping = new AbortController();
  let asleep: () => void = () => undefined;
  let rouse: () => void = () => undefined;
  const sleeps = () => new Promise<void>((resolve) => (asleep = resolve));
  follower = createFollower({
    store: ledger.store,
    guards,
    keys: () => ({ signing: key, earlier: [] }),
    auditOrigin: ORIGIN,
    now: () => nowMs,
    log,
    observe: { followed: () => undefined, signed: () => undefined },
    holdsLeadership: async () => leading,
    sleep: () =>
      new Promise<void>((resolve) => {
        rouse = resolve;
        asleep();
      }),
    onFault: (error) => faults.push(error),
  });
  let run: Promise<void> | null = null;
  turn = async () => {
    const sleeping = sleeps();
    if (run === null) run = follower.run(stopping.signal);
    else rouse();
    await Promise.race([sleeping, run]);
  };
  end = async () => {
    stopping.abort();
    rouse();
    await run;
    run = null;
  };
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'firstcome-follower-'));
  nowMs = 1_000_000;
  leading = true;
  faults = [];
  ledger = createLedger();
  guards = createGuardFiles(folder, ORIGIN, () => [key.verifier]);
  follow();
});
afterEach(async () => {
  await end();
  rmSync(folder, { recursive: true, force: true });
});

const faultCodes = (): Record<string, string> => Object.fromEntries([...follower.faults()].map(([saleId, { code }]) => [saleId, code]));

test('a log that grows is signed once a second, a closed one at once, and a settled one is finished', async () => {
  const sale = ledger.open('a');
  tell(sale, 'a', 3);
  await turn();
  expect(signedSizes(sale)).toEqual([3]);
  tell(sale, 'a', 2);
  nowMs += 999;
  await turn();
  expect([sale.size, signedSizes(sale)]).toEqual([5, [3]]);
  nowMs += 1;
  await turn();
  expect(signedSizes(sale)).toEqual([3, 5]);
  tell(sale, 'a', 1);
  sale.status = 'closed';
  await turn();
  expect(signedSizes(sale)).toEqual([3, 5, 6]);
  sale.settled = true;
  await turn();
  expect(sale.finished).toBe(true);
  for (const { note, root, size } of sale.checkpoints)
    expect(openCheckpoint(note, { keys: [key.verifier], origin: `${ORIGIN}/a` })).toMatchObject({
      kind: 'opened',
      checkpoint: { size, root },
    });
});

test('a settled sale whose log grows after all is signed again within the next full pass', async () => {
  const sale = ledger.open('a');
  tell(sale, 'a', 3);
  Object.assign(sale, { status: 'closed', settled: true });
  await turn();
  expect(sale.finished).toBe(true);
  tell(sale, 'a', 1);
  await turn();
  expect(signedSizes(sale)).toEqual([3]);
  nowMs += 30_000;
  await turn();
  expect([signedSizes(sale), sale.finished]).toEqual([[3, 4], true]);
});

test('a log that does not fit stops alone, and is followed again once it is mended', async () => {
  const [a, b] = [ledger.open('a'), ledger.open('b')];
  tell(a, 'a', 3);
  tell(b, 'b', 3);
  const mended = a.events[1]!;
  a.events[1] = { ...mended, leaf: Buffer.from('{}') };
  await turn();
  expect(faultCodes()).toEqual({ a: 'log_broken' });
  expect(follower.faults().get('a' as SaleId)).toMatchObject({ seq: 2 });
  expect([signedSizes(a), signedSizes(b)]).toEqual([[1], [3]]);
  a.events[1] = mended;
  await turn();
  expect(faultCodes()).toEqual({ a: 'log_broken' });
  nowMs += 30_000;
  await turn();
  expect([faultCodes(), signedSizes(a)]).toEqual([{}, [1, 3]]);
});

test('a finished sale that did not stand right and does again is well', async () => {
  const sale = ledger.open('a');
  tell(sale, 'a', 3);
  Object.assign(sale, { status: 'closed', settled: true });
  await turn();
  const events = sale.events;
  sale.events = events.slice(0, 2);
  nowMs += 30_000;
  await turn();
  expect(faultCodes()).toEqual({ a: 'log_shrunk' });
  sale.events = events;
  nowMs += 30_000;
  await turn();
  expect([faultCodes(), signedSizes(sale)]).toEqual([{}, [3]]);
});

test('what the ledger kept and cannot be remembered stops that log, and nothing else', async () => {
  const sale = ledger.open('a');
  tell(sale, 'a', 3);
  await turn();
  await end();
  const full = async (): Promise<never> => Promise.reject(new Error('ENOSPC: no space left on device'));
  guards = { ...createGuardFiles(join(folder, 'new'), ORIGIN, () => [key.verifier]), write: full };
  follow();
  await turn();
  expect([faultCodes(), faults]).toEqual([{ a: 'guard_unwritable' }, []]);
});

test('a pass is over when all of it is, also where one sale fails', async () => {
  const [a, b] = [ledger.open('a'), ledger.open('b')];
  tell(a, 'a', 3);
  tell(b, 'b', 3);
  const { page, tiles } = ledger.store;
  const slow = Promise.withResolvers<undefined>();
  ledger.store.page = async (...asked) => {
    await slow.promise;
    return page(...asked);
  };
  ledger.store.tiles = async (saleNo, ids) => {
    if (saleNo === b.saleNo) throw new RetryableFault('ledger_unreachable', 'gone in the middle');
    return tiles(saleNo, ids);
  };
  let over = false;
  const passing = turn().then(() => (over = true));
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(over).toBe(false);
  slow.resolve(undefined);
  await passing;
  expect([faults.length, signedSizes(a)]).toEqual([1, [3]]);
});

test('a sale that was signed and that the ledger does not know is told', async () => {
  const sale = ledger.open('a');
  tell(sale, 'a', 3);
  await turn();
  ledger.sales.clear();
  nowMs += 30_000;
  await turn();
  expect(faultCodes()).toEqual({ a: 'log_shrunk' });
  ledger.sales.set('a' as SaleId, sale);
  nowMs += 30_000;
  await turn();
  expect(faultCodes()).toEqual({});
});

test('a ledger that was restored is refused until it has grown to what was signed, by the same events', async () => {
  const sale = ledger.open('a');
  tell(sale, 'a', 5);
  await turn();
  const events = sale.events;
  const restored = { size: 0, treeHead: EMPTY_HEAD };
  Object.assign(sale, restored, { events: events.slice(0, 3) });
  sale.tiles.clear();
  sale.checkpoints.length = 0;
  nowMs += 1_000;
  for (let turns = 0; turns < 3; turns++) await turn();
  expect([faultCodes(), signedSizes(sale)]).toEqual([{ a: 'log_shrunk' }, [5]]);
  sale.events = events.slice(0, 4);
  await turn();
  expect(faultCodes()).toEqual({ a: 'log_shrunk' });
  sale.events = [...events];
  tell(sale, 'a', 1);
  nowMs += 1_000;
  await turn();
  expect([faultCodes(), signedSizes(sale)]).toEqual([{}, [5, 6]]);
});

test('a ledger that went on otherwise is refused for good', async () => {
  const sale = ledger.open('a');
  tell(sale, 'a', 5);
  await turn();
  Object.assign(sale, { size: 0, treeHead: EMPTY_HEAD, events: sale.events.slice(0, 3) });
  sale.tiles.clear();
  const leaf = Buffer.from(canonicalJson({ sale_id: 'a', seq: 4, prev: sale.events[2]!.hash.toString('hex'), other: true }));
  sale.events.push({ seq: 4, leaf, hash: leafHash(leaf) });
  tell(sale, 'a', 4);
  for (let turns = 0; turns < 40; turns++) {
    nowMs += 1_000;
    await turn();
  }
  expect([faultCodes(), signedSizes(sale)]).toEqual([{ a: 'log_forked' }, [5]]);
});

/** Another history of the same sale, longer than the one it replaces; what was kept beside it is gone. */
function replace(sale: MemorySale, count: number): void {
  Object.assign(sale, { size: 0, treeHead: EMPTY_HEAD, events: [] });
  sale.tiles.clear();
  sale.checkpoints.length = 0;
  const leaf = Buffer.from(canonicalJson({ v: 1, sale_id: 'a', seq: 1, prev: EMPTY_HEAD, other: true }));
  sale.events.push({ seq: 1, leaf, hash: leafHash(leaf) });
  tell(sale, 'a', count - 1);
}

test('what another copy signed of a ledger that was replaced is no reason to forget', async () => {
  const sale = ledger.open('a');
  tell(sale, 'a', 5);
  await turn();
  await end();
  const ours = guards;
  replace(sale, 8);
  guards = createGuardFiles(join(folder, 'of another machine'), ORIGIN, () => [key.verifier]);
  follow();
  await turn();
  await end();
  expect(signedSizes(sale)).toEqual([8]);
  guards = ours;
  follow();
  await turn();
  expect([faultCodes(), signedSizes(sale)]).toEqual([{ a: 'log_forked' }, [8]]);
  expect(await ours.read('a' as SaleId)).toMatchObject({ kind: 'read', guard: { size: 5 } });
});

test('a copy that does not lead remembers what the one that does has signed', async () => {
  const sale = ledger.open('a');
  tell(sale, 'a', 5);
  await turn();
  await end();
  guards = createGuardFiles(join(folder, 'of another machine'), ORIGIN, () => [key.verifier]);
  leading = false;
  follow();
  await turn();
  replace(sale, 8);
  leading = true;
  for (let turns = 0; turns < 3; turns++) await turn();
  expect([faultCodes(), signedSizes(sale)]).toEqual([{ a: 'log_forked' }, [5]]);
});

test('a copy that does not lead does nothing and keeps nothing; one that leads begins with what there is', async () => {
  const sale = ledger.open('a');
  tell(sale, 'a', 3);
  leading = false;
  await turn();
  expect([follower.leads(), sale.size]).toEqual([false, 0]);
  leading = true;
  await turn();
  expect([follower.leads(), signedSizes(sale)]).toEqual([true, [3]]);
  leading = false;
  sale.events[2] = { ...sale.events[2]!, seq: 9 };
  await turn();
  expect([follower.leads(), follower.faults().size, follower.behind()]).toEqual([false, 0, 0]);
});

test('while the ledger is away nothing is lost, and what it was in the middle of is done again', async () => {
  const sale = ledger.open('a');
  tell(sale, 'a', 3);
  await turn();
  ledger.setAway(true);
  tell(sale, 'a', 300);
  await turn();
  expect(faults).toHaveLength(1);
  ledger.setAway(false);
  nowMs += 1_000;
  await turn();
  expect(signedSizes(sale)).toEqual([3, 303]);
});

test('a tree that another copy has grown meanwhile is opened anew', async () => {
  const sale = ledger.open('a');
  tell(sale, 'a', 3);
  await turn();
  const first = { follower, turn, end };
  follow();
  tell(sale, 'a', 2);
  nowMs += 1_000;
  await turn();
  await end();
  expect(signedSizes(sale)).toEqual([3, 5]);
  ({ follower, turn, end } = first);
  tell(sale, 'a', 1);
  nowMs += 1_000;
  await turn();
  await turn();
  expect([faultCodes(), signedSizes(sale)]).toEqual([{}, [3, 5, 6]]);
});

test('a guard that cannot be written keeps the checkpoint from being shown', async () => {
  const sale = ledger.open('a');
  tell(sale, 'a', 3);
  const { write } = guards;
  guards.write = () => Promise.reject(new Error('ENOSPC'));
  await turn();
  expect([faultCodes(), signedSizes(sale)]).toEqual([{ a: 'guard_unwritable' }, []]);
  guards.write = write;
  nowMs += 1_000;
  await turn();
  expect([faultCodes(), signedSizes(sale)]).toEqual([{}, [3]]);
});
