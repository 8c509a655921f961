import { pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';

export type Log = Logger;

/** Names of fields that no log may hold, wherever they stand in what is logged (down to three levels). */
const SECRET_FIELDS = [
  'payment_method_id',
  'paymentMethodId',
  'authorization',
  'Authorization',
  'cookie',
  'set-cookie',
  'password',
  'secret',
  'token',
  'access_token',
  'user_id',
  'userId',
  'email',
  'USER_REF_SECRET',
  'JWT_SECRET',
];

const REDACTED_PATHS = SECRET_FIELDS.flatMap((field) => {
  const last = /^\w+$/.test(field) ? field : `["${field}"]`;
  const under = (stars: string) => (last.startsWith('[') ? `${stars}${last}` : `${stars}.${last}`);
  return [last, under('*'), under('*.*')];
});

export interface LogOptions {
  readonly service: string;
  readonly instance: string;
  readonly level: string;
  /** Where the lines go; standard output if absent. */
  readonly destination?: DestinationStream;
}

/**
 * A logger of JSON lines. Every line names the service and the process; lines about
 * a request carry `request_id` and `trace_id` (see `requestFields`). Payment tokens,
 * credentials and user ids are replaced by `[redacted]`.
 */
export function openLog({ service, instance, level, destination }: LogOptions): Log {
  const options = {
    level,
    base: { service, instance },
    timestamp: stdTimeFunctions.isoTime,
    redact: { paths: REDACTED_PATHS, censor: '[redacted]' },
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/** The fields by which a line is found from a request and from its trace. */
export function requestFields(requestId: string, traceparent?: string): { request_id: string; trace_id?: string } {
  return traceparent === undefined ? { request_id: requestId } : { request_id: requestId, trace_id: traceIdOf(traceparent) };
}

/** The 32 hex digits of a W3C `traceparent`. */
export function traceIdOf(traceparent: string): string {
  return traceparent.slice(3, 35);
}

/** A connection URL that may be shown: its password is gone. */
export function withoutPassword(url: string): string {
  if (!URL.canParse(url)) return '(not a URL)';
  const parsed = new URL(url);
  if (parsed.password !== '') parsed.password = '***';
  return parsed.toString();
}
