import { mkdirSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { SaleId } from '#schemas/ids.ts';
import { RetryableFault } from '#shared/faults/faults.ts';
import { writeDurably } from '#shared/files/durable-file.ts';
import { openCheckpoint, originOf } from '#shared/proof/checkpoint.ts';
import type { VerifierKey } from '#shared/proof/note.ts';

/**
 * What was signed last of each sale, in files outside the ledger: whoever alters the
 * ledger, or restores an old one, cannot make this service forget what it has told the
 * world. One file a sale, written and on disk before anybody is shown the checkpoint.
 */

export interface Guard {
  readonly size: number;
  readonly root: Buffer;
  /** The whole signed note. */
  readonly note: string;
}

export type GuardRead =
  { readonly kind: 'none' } | { readonly kind: 'read'; readonly guard: Guard } | { readonly kind: 'unreadable'; readonly why: string };

export interface GuardFiles {
  read(saleId: SaleId): Promise<GuardRead>;
  /** Resolves once it is on disk. */
  write(saleId: SaleId, guard: Guard): Promise<void>;
  /** Sales of which something was signed here. Throws RetryableFault `guards_unreadable`. */
  saleIds(): Promise<readonly SaleId[]>;
  /** The guard that a checkpoint makes, as the ledger kept it; null where none of our keys signed it for this log. */
  adopt(saleId: SaleId, note: string): Guard | null;
}

const HEADS = 'heads';
const SUFFIX = '.json';
/** For people who look at the file; what counts is the note. */
const Stored = z.object({ origin: z.string(), size: z.int().min(1), root: z.base64(), note: z.string() });

/**
 * @param stateFolder made where it is not there
 * @param keys that have ever signed
 */
export function createGuardFiles(stateFolder: string, auditOrigin: string, keys: () => readonly VerifierKey[]): GuardFiles {
  const heads = join(stateFolder, HEADS);
  mkdirSync(heads, { recursive: true, mode: 0o700 });
  const fileOf = (saleId: SaleId): string => join(heads, `${saleId}${SUFFIX}`);

  function adopt(saleId: SaleId, note: string): Guard | null {
    const opened = openCheckpoint(note, { keys: keys(), origin: originOf(auditOrigin, saleId) });
    return opened.kind === 'opened' ? { size: opened.checkpoint.size, root: opened.checkpoint.root, note } : null;
  }

  return {
    async read(saleId) {
      let text: string;
      try {
        text = await readFile(fileOf(saleId), 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { kind: 'none' };
        return { kind: 'unreadable', why: String(error) };
      }
      let content: unknown;
      try {
        content = JSON.parse(text);
      } catch {
        return { kind: 'unreadable', why: 'it is not JSON' };
      }
      const stored = Stored.safeParse(content);
      if (!stored.success) return { kind: 'unreadable', why: 'it is not what this service writes' };
      const guard = adopt(saleId, stored.data.note);
      if (guard === null) return { kind: 'unreadable', why: 'none of the keys in AUDIT_KEYS_DIR signed its note for this log' };
      if (guard.size !== stored.data.size || guard.root.toString('base64') !== stored.data.root)
        return { kind: 'unreadable', why: 'its note says something else' };
      return { kind: 'read', guard };
    },
    write: (saleId, { size, root, note }) =>
      writeDurably(
        fileOf(saleId),
        `${JSON.stringify({ origin: originOf(auditOrigin, saleId), size, root: root.toString('base64'), note })}\n`,
        {
          mode: 0o600,
        },
      ),
    async saleIds() {
      let names: readonly string[];
      try {
        names = await readdir(heads);
      } catch (error) {
        throw new RetryableFault('guards_unreadable', `${heads} cannot be read (${String(error)}): let the service read AUDIT_STATE_DIR`, {
          cause: error,
        });
      }
      return names.flatMap((name) => {
        const id = name.endsWith(SUFFIX) ? SaleId.safeParse(name.slice(0, -SUFFIX.length)) : undefined;
        return id?.success === true ? [id.data] : [];
      });
    },
    adopt,
  };
}
