import type { EpochMs, Fingerprint, Offset, SaleId, Seq } from '#schemas/ids.ts';
import type { SaleState } from './state.ts';

/** The record of the line that leads to events: its place, its time and whose request it is. */
export interface Occasion {
  readonly at: EpochMs;
  readonly offset: Offset;
  readonly requestId: string;
  readonly traceparent?: string | undefined;
}

export interface Envelope {
  sale_id: SaleId;
  seq: Seq;
  offset: Offset;
  at: EpochMs;
  request_id: string;
  traceparent?: string;
}

/** What every event begins with; `ahead` events of the same decision stand before it. */
export function envelope(state: SaleState, occasion: Occasion, ahead = 0): Envelope {
  const seq = (state.seq + 1 + ahead) as Seq;
  const { at, offset, requestId, traceparent } = occasion;
  return traceparent === undefined
    ? { sale_id: state.saleId, seq, offset, at, request_id: requestId }
    : { sale_id: state.saleId, seq, offset, at, request_id: requestId, traceparent };
}

interface Keyed {
  readonly fingerprint: Fingerprint;
  readonly accepted_at: EpochMs;
}

/** What an event that answers a request begins with. */
export function answerEnvelope(state: SaleState, occasion: Occasion, { fingerprint, accepted_at }: Keyed): Envelope & Keyed {
  const { at, offset, requestId, traceparent } = occasion;
  const seq = (state.seq + 1) as Seq;
  return traceparent === undefined
    ? { sale_id: state.saleId, seq, offset, at, request_id: requestId, fingerprint, accepted_at }
    : { sale_id: state.saleId, seq, offset, at, request_id: requestId, traceparent, fingerprint, accepted_at };
}
