import type { ReservationStatus } from '#schemas/event.ts';
import type { Fingerprint, Seq, UserRef } from '#schemas/ids.ts';
import type { Packing } from './id-memory.ts';
import { readFingerprint, readId, writeFingerprint, writeWords } from './id-words.ts';

/** How a request was answered: by event `seq`. */
export interface EarlierAnswer {
  readonly fingerprint: Fingerprint;
  readonly seq: Seq;
}

export const DECISION: Packing<EarlierAnswer> = {
  pack: ({ fingerprint, seq }, words, at) => {
    writeFingerprint(fingerprint, words, at);
    return seq;
  },
  unpack: (words, at, number) => ({ fingerprint: readFingerprint(words, at) as Fingerprint, seq: number as Seq }),
};

/** A reservation that no longer lives. */
export interface PastReservation {
  readonly user: UserRef;
  readonly status: Exclude<ReservationStatus, 'held' | 'waitlisted' | 'paying'>;
}

const PAST_STATUSES: readonly PastReservation['status'][] = ['confirmed', 'released', 'rejected', 'refunding', 'refunded'];

export const PAST_RESERVATION: Packing<PastReservation> = {
  pack: ({ user, status }, words, at) => {
    writeWords(user, words, at);
    return PAST_STATUSES.indexOf(status);
  },
  unpack: (words, at, number) => ({ user: readId(words, at) as UserRef, status: PAST_STATUSES[number]! }),
};
