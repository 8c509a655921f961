import type { RequestedItem } from '#schemas/command.ts';
import type { Fingerprint, Offset, Partition, SaleId, UserRef } from '#schemas/ids.ts';

/**
 * Requests whose client was told 202 before they were decided: what was asked and
 * where it stands. Kept in Redis for a day, and in this process for when Redis is
 * away; what is lost costs the client a 404 until the line has come to it, and a
 * replay that answers 201 where it would have been 200.
 */

export interface Note202 {
  readonly sale_id: SaleId;
  readonly user: UserRef;
  readonly fingerprint: Fingerprint;
  readonly partition: Partition;
  readonly offset: Offset;
  readonly accepted_at_ms: number;
  /** Of a reservation. */
  readonly items?: readonly RequestedItem[];
  /** Of an order. */
  readonly reservation_id?: string;
  readonly amount?: number;
  readonly currency?: string;
}

/** What of Redis is used; ioredis fits. */
export interface NoteStore {
  readonly status: string;
  get(key: string): Promise<string | null>;
  set(key: string, value: string, ex: 'EX', seconds: number, nx: 'NX', get: 'GET'): Promise<string | null>;
}

export interface Notes202 {
  /** Notes it, unless it is noted already: then that note is given back and stays. */
  note(id: string, note: Note202): Promise<Note202 | null>;
  recall(id: string): Promise<Note202 | null>;
}

const keptSeconds = 86_400;
const keptHereMax = 50_000;
const keyOf = (id: string) => `firstcome:queued:${id}`;

export function createNotes202(store: NoteStore, onFault: (error: unknown) => void): Notes202 {
  const here = new Map<string, Note202>();

  async function ask(call: () => Promise<string | null>): Promise<Note202 | null> {
    if (store.status !== 'ready') return null;
    try {
      const text = await call();
      return text === null ? null : (JSON.parse(text) as Note202);
    } catch (error) {
      onFault(error);
      return null;
    }
  }

  return {
    async note(id, note) {
      const known = here.get(id);
      if (known !== undefined) return known;
      if (here.size >= keptHereMax) here.delete(here.keys().next().value!);
      here.set(id, note);
      return ask(() => store.set(keyOf(id), JSON.stringify(note), 'EX', keptSeconds, 'NX', 'GET'));
    },
    async recall(id) {
      return here.get(id) ?? (await ask(() => store.get(keyOf(id))));
    },
  };
}
