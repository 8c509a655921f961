import { randomBytes } from 'node:crypto';
import { link, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Writes a file so that after any crash it is there whole, as it was before, or not at
 * all: into a file beside it, to disk, then in its place, and that to disk too.
 *
 * @param mode permissions, such as 0o600
 * @param fresh refuse (EEXIST) where there is a file of this name already
 */
export async function writeDurably(
  path: string,
  content: string,
  { mode, fresh = false }: { mode: number; fresh?: boolean },
): Promise<void> {
  const beside = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = await open(beside, 'wx', mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    // A rename would take the place of what is there.
    if (fresh) await link(beside, path);
    else await rename(beside, path);
  } finally {
    await rm(beside, { force: true });
  }
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
