import type { KeyRing } from '#shared/audit-keys/key-folder.ts';
import type { LogStanding, TreeStore } from '#shared/ledger/log/tree-store.ts';
import { originOf, signCheckpoint } from '#shared/proof/checkpoint.ts';
import { openTileTree, tilesForOpening, type TileTree } from '#shared/proof/tile-tree.ts';
import { rootAt, tilesForRoot, type TileId } from '#shared/proof/tiles.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { checkPage, type LogPlace } from './check-page.ts';
import { nextSigningStep, refusalOf } from './decide-signing.ts';
import type { Guard, GuardFiles } from './guard-files.ts';
import { alteredTiles, brokenLog, forkedLog, shrunkLog, unusableGuard, type LogFault } from './log-fault.ts';
import { whereWhole } from './where-whole.ts';

export interface FollowedLogPorts {
  readonly store: TreeStore;
  readonly guards: GuardFiles;
  readonly keys: () => KeyRing;
  readonly auditOrigin: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: Log;
  readonly observe: { readonly followed: (events: number) => void; readonly signed: () => void };
}

/** `on`: there is more to read. `stale`: the tree stands elsewhere than this process left it; open it anew. */
export type Advanced = 'on' | 'there' | 'stale';

/** One sale's log as this process follows it: the right edge of its tree, and what was signed last. */
export interface FollowedLog {
  /** Checks and appends what came since, signs when it is time. After anything it throws, open the log anew. */
  advance(standing: LogStanding): Promise<Advanced>;
  readonly fault: () => LogFault | null;
  /** Settled, all of it in the tree and signed. */
  readonly finished: (standing: LogStanding) => boolean;
}

const pageEventsMax = 2_000;
/** Read of one sale before the next one has its turn. */
const pagesAtOnceMax = 8;

export async function openFollowedLog(standing: LogStanding, ports: FollowedLogPorts): Promise<FollowedLog | LogFault> {
  const { saleNo, saleId, size } = standing;
  const tile = await ports.store.tiles(saleNo, tilesForOpening(size));
  const tree = whereWhole(() => openTileTree(size, tile));
  if (tree === null) return alteredTiles(saleId, 'tiles_missing');
  const guard = await guardOf(standing, ports);
  if (guard !== null && 'code' in guard) return guard;
  return createFollowedLog(tree, { saleId, seq: size, head: standing.treeHead }, guard, ports);
}

/**
 * What was signed last, by the file and by the ledger; each is told what only the other knows. The ledger's word counts
 * where one of our keys signed it: that is so where the file was lost, or where another copy signed on another machine.
 * It counts only as a continuation of what the file remembers: another copy may have signed a ledger that was replaced.
 */
export async function guardOf(
  { saleNo, saleId, size }: LogStanding,
  { store, guards, now, log }: FollowedLogPorts,
): Promise<Guard | LogFault | null> {
  const read = await guards.read(saleId);
  if (read.kind === 'unreadable') return unusableGuard(saleId, 'guard_unreadable', read.why);
  const ours = read.kind === 'read' ? read.guard : null;
  const kept = await store.newestCheckpoint(saleNo);
  const theirs = kept === null ? null : guards.adopt(saleId, kept.note);
  if (kept !== null && theirs === null)
    log.error({ sale_id: saleId, size: kept.size }, 'the ledger has a checkpoint that none of our keys signed; it does not count');
  if (theirs === null || theirs.size <= (ours?.size ?? 0)) {
    if (ours !== null && ours.size !== theirs?.size) await store.keepCheckpoint({ saleNo, ...ours, signedAt: now() });
    return ours;
  }
  // A tree that has not grown so far is compared when it has, by what the file remembers.
  if (ours !== null && size < ours.size) return ours;
  if (ours !== null) {
    const tile = await store.tiles(saleNo, tilesForRoot(ours.size));
    const root = whereWhole(() => rootAt(ours.size, tile));
    if (root === null) return alteredTiles(saleId, 'tiles_missing');
    if (!root.equals(ours.root)) return forkedLog(saleId, ours.size);
  }
  log.warn(
    { sale_id: saleId, size: theirs.size },
    'what was signed last is taken from the ledger: the file of this sale is behind it or gone',
  );
  try {
    await guards.write(saleId, theirs);
  } catch (error) {
    return unusableGuard(saleId, 'guard_unwritable', String(error));
  }
  return theirs;
}

function createFollowedLog(tree: TileTree, from: LogPlace, signed: Guard | null, ports: FollowedLogPorts): FollowedLog {
  const { store, guards, keys, auditOrigin, now, log, observe } = ports;
  const { saleId } = from;
  let place = from;
  let guard = signed;
  let fault: LogFault | null = null;
  let broken = false;
  /** Looked at on opening, whatever its age. */
  let lookedAt = -Infinity;
  let compared = false;

  /** Appends the next events that fit; the fault of the first that does not, or `elsewhere` where the tree stands. */
  async function append(standing: LogStanding): Promise<'appended' | 'elsewhere' | LogFault> {
    const rows = await store.page(standing.saleNo, place.seq, standing.seq, pageEventsMax);
    const page = checkPage(place, rows);
    if (page.place.seq > place.seq) {
      const tiles = tree.append(page.hashes);
      const { users, items } = page;
      const growth = { saleNo: standing.saleNo, sizeBefore: place.seq, size: page.place.seq, head: page.place.head, tiles, users, items };
      if ((await store.grow(growth)) === 'elsewhere') return 'elsewhere';
      observe.followed(page.place.seq - place.seq);
      place = page.place;
    }
    const wrong = page.fault ?? (rows.length === 0 ? { seq: place.seq + 1, code: 'seq_gap' as const } : null);
    return wrong === null ? 'appended' : brokenLog(saleId, wrong.seq, wrong.code);
  }

  async function sign(standing: LogStanding): Promise<void> {
    const size = tree.size();
    const step = nextSigningStep({
      size,
      ledgerSeq: standing.seq,
      guardSize: guard?.size ?? 0,
      closed: standing.status === 'closed',
      refused: fault !== null || (!compared && guard !== null),
      sinceLookedMs: now() - lookedAt,
    });
    if (step === 'wait') return;
    if (step === 'shrunk') {
      fault = shrunkLog(saleId, Math.min(size, standing.seq), Math.max(guard?.size ?? 0, size));
      return;
    }
    lookedAt = now();
    const ids = new Map<string, TileId>();
    for (const of of guard === null ? [size] : [guard.size, size])
      for (const id of tilesForRoot(of)) ids.set(`${id.level}/${id.index}`, id);
    const tile = await store.tiles(standing.saleNo, [...ids.values()]);
    const roots = whereWhole(() => ({ stored: rootAt(size, tile), atGuard: guard === null ? null : rootAt(guard.size, tile) }));
    if (roots === null) {
      fault = alteredTiles(saleId, 'tiles_missing');
      return;
    }
    const { stored, atGuard } = roots;
    const refusal = refusalOf({ guard: guard?.root ?? null, atGuard, stored, grown: tree.root() });
    if (refusal !== null) {
      fault = refusal === 'log_forked' ? forkedLog(saleId, guard!.size) : alteredTiles(saleId, refusal);
      return;
    }
    compared = true;
    fault = null;
    if (size === (guard?.size ?? 0)) return;
    const note = signCheckpoint({ origin: originOf(auditOrigin, saleId), size, root: stored }, [keys().signing]);
    const next: Guard = { size, root: stored, note };
    // First where nobody who can write to the ledger reaches it, then where it is shown.
    try {
      await guards.write(saleId, next);
    } catch (error) {
      fault = unusableGuard(saleId, 'guard_unwritable', String(error));
      return;
    }
    guard = next;
    await store.keepCheckpoint({ saleNo: standing.saleNo, ...next, signedAt: now() });
    observe.signed();
    log.debug({ sale_id: saleId, size }, 'signed');
  }

  return {
    async advance(standing) {
      if (broken) return 'there';
      if (standing.size !== tree.size() || standing.treeHead !== place.head) return 'stale';
      for (let page = 0; page < pagesAtOnceMax && place.seq < standing.seq; page++) {
        const outcome = await append(standing);
        if (outcome === 'elsewhere') return 'stale';
        if (typeof outcome === 'string') continue;
        broken = true;
        // What stands before it is as it was, and is signed; unless more was signed before, which is the graver fault's business.
        if (place.seq > (guard?.size ?? 0)) await sign({ ...standing, seq: place.seq });
        fault = outcome;
        return 'there';
      }
      if (place.seq === standing.seq && place.head !== standing.head) {
        fault = brokenLog(saleId, place.seq, 'head_mismatch');
        broken = true;
        return 'there';
      }
      await sign(standing);
      return place.seq < standing.seq ? 'on' : 'there';
    },
    fault: () => fault,
    finished: ({ settled, seq }) => settled && fault === null && seq === tree.size() && guard?.size === seq,
  };
}
