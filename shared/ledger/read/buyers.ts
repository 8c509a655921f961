import type { UserRef } from '#schemas/ids.ts';
import { isKeepable } from '#schemas/text.ts';
import type { Rows, Statement } from './reads.ts';

const REFS_OF_USER: Statement = {
  name: 'refs_of_user',
  text: 'SELECT user_ref FROM buyers WHERE user_id = $1 ORDER BY first_seen, user_ref',
};

/** A user's pseudonyms, the oldest first: none where nobody of this id ever stood in a line, or where the mapping was erased. For the audit role. */
export async function refsOfUser(reads: Rows, userId: string): Promise<readonly UserRef[]> {
  // PostgreSQL knows no U+0000.
  if (!isKeepable(userId)) return [];
  const rows = await reads.rows<{ user_ref: UserRef }>(REFS_OF_USER, [userId]);
  return rows.map((row) => row.user_ref);
}
