import type { RequestedItem } from '#schemas/command.ts';
import type { Fingerprint, Offset, Partition, SaleId, UserRef } from '#schemas/ids.ts';
import { RetryableFault } from '#shared/faults/faults.ts';

/**
 * Requests whose client was told 202 before they were decided: what was asked and
 * where it stands. Kept in Redis for a day, and in this process for when Redis is
 * away, which saves them there when it is back. What is lost with this process costs the
 * client a 404 until the line has come to it, and a replay that answers 201 where it
 * would have been 200.
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
  on(event: 'ready', listener: () => void): unknown;
  get(key: string): Promise<string | null>;
  set(key: string, value: string, ex: 'EX', seconds: number, nx: 'NX', get: 'GET'): Promise<string | null>;
}

export interface Notes202 {
  /** Notes it, unless it is noted already: then that note is given back and stays. */
  note(id: string, note: Note202): Promise<Note202 | null>;
  /** null also where Redis is away and this process does not know of it. */
  recall(id: string): Promise<Note202 | null>;
  /** null only where there is no note; throws RetryableFault `queue_unavailable` where that cannot be told. */
  find(id: string): Promise<Note202 | null>;
}

const keptSeconds = 86_400;
const keptHereMax = 50_000;
const savedAtOnceMax = 500;
const keyOf = (id: string) => `firstcome:queued:${id}`;

export function createNotes202(store: NoteStore, onFault: (error: unknown) => void): Notes202 {
  const here = new Map<string, Note202>();
  /** Of those here, the ones that Redis does not have. */
  const unsaved = new Set<string>();

  /** 'unknown': Redis did not answer. */
  async function ask(call: () => Promise<string | null>): Promise<Note202 | null | 'unknown'> {
    if (store.status !== 'ready') return 'unknown';
    try {
      const text = await call();
      return text === null ? null : (JSON.parse(text) as Note202);
    } catch (error) {
      onFault(error);
      return 'unknown';
    }
  }

  /** What another process had noted before stays. */
  async function save(id: string, note: Note202): Promise<Note202 | null> {
    const earlier = await ask(() => store.set(keyOf(id), JSON.stringify(note), 'EX', keptSeconds, 'NX', 'GET'));
    if (earlier !== 'unknown') {
      unsaved.delete(id);
      return earlier;
    }
    if (here.has(id)) unsaved.add(id);
    return null;
  }

  async function saveTheRest(): Promise<void> {
    const ids = [...unsaved];
    for (let first = 0; first < ids.length && store.status === 'ready'; first += savedAtOnceMax) {
      await Promise.all(
        ids.slice(first, first + savedAtOnceMax).map((id) => {
          const note = here.get(id);
          return note === undefined ? Promise.resolve(null) : save(id, note);
        }),
      );
    }
  }
  store.on('ready', () => void saveTheRest());

  const find = async (id: string): Promise<Note202 | null | 'unknown'> => here.get(id) ?? (await ask(() => store.get(keyOf(id))));

  return {
    async note(id, note) {
      const known = here.get(id);
      if (known !== undefined) return known;
      if (here.size >= keptHereMax) {
        const oldest = here.keys().next().value!;
        here.delete(oldest);
        unsaved.delete(oldest);
      }
      here.set(id, note);
      return save(id, note);
    },
    async recall(id) {
      const found = await find(id);
      return found === 'unknown' ? null : found;
    },
    async find(id) {
      const found = await find(id);
      if (found !== 'unknown') return found;
      throw new RetryableFault('queue_unavailable', 'Redis does not answer, so whether this stands in the line is not known; ask again');
    },
  };
}
