import { CATALOGUE, type ProblemCode } from './catalogue.ts';

/** One thing wrong with a request: `/field` in a body, `/name` for a query parameter, empty for the whole. */
export interface FieldError {
  readonly pointer: string;
  readonly reason: string;
}

/** A refusal, before it is written for one request. */
export interface Problem {
  readonly kind: 'problem';
  readonly code: ProblemCode;
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  /** Further members of the problem object, such as `reservation_status`. */
  readonly extra?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

type ProblemOptions = Pick<Problem, 'errors' | 'extra' | 'headers'>;

export function problem(code: ProblemCode, detail: string, options?: ProblemOptions): Problem {
  return { kind: 'problem', code, detail, ...options };
}

/** Ends a request from within a parser. Refusals that are decided, and so frequent, are returned as values instead. */
export class RequestRefused extends Error {
  override readonly name = 'RequestRefused';
  readonly problem: Problem;
  constructor(refusal: Problem) {
    super(refusal.detail);
    this.problem = refusal;
  }
}

/** Throws the refusal: for parsers, whose callers want the parsed value. */
export function refuse(code: ProblemCode, detail: string, options?: ProblemOptions): never {
  throw new RequestRefused(problem(code, detail, options));
}

/** 400 for one bad place of the request. */
export function invalid(pointer: string, reason: string): never {
  return refuse('invalid_request', `${pointer === '' ? 'the request' : pointer} ${reason}`, { errors: [{ pointer, reason }] });
}

/** What of the request a problem object names. */
export interface ProblemPlace {
  readonly requestId: string;
  readonly traceId: string;
  /** Path of the request. */
  readonly instance: string;
  /** Prefix of `type`, with a slash at its end. */
  readonly errorsBaseUrl: string;
}

/** The problem object of RFC 9457 as JSON text. */
export function renderProblem({ code, detail, errors, extra }: Problem, place: ProblemPlace): string {
  const { status, title, retryable } = CATALOGUE[code];
  return JSON.stringify({
    type: `${place.errorsBaseUrl}${code}`,
    title,
    status,
    detail,
    instance: place.instance,
    code,
    retryable,
    request_id: place.requestId,
    trace_id: place.traceId,
    ...(errors === undefined ? {} : { errors }),
    ...extra,
  });
}
