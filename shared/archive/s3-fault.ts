import { RetryableFault, TerminalFault } from '#shared/faults/faults.ts';

/** Answers of a store, and of the way to it, as faults that say what to do. */

const unavailableFromStatus = 500;
const tooMany = 429;
const notConnected = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'];
const denied = [
  'AccessDenied',
  'Forbidden',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'ExpiredToken',
  'InvalidToken',
  'CredentialsProviderError',
];

/** The store's name for what went wrong; of an answer without a body its status alone is known, and the SDK names that. Empty where there is none. */
export function s3ErrorName(error: unknown): string {
  const { name, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
  if ($metadata?.httpStatusCode === 412) return 'PreconditionFailed';
  if ($metadata?.httpStatusCode === 501) return 'NotImplemented';
  return name ?? '';
}

/**
 * @param doing continues "<place> could not be"
 * @returns faults as they are; everything else as one
 */
export function s3FaultOf(error: unknown, place: string, doing: string): unknown {
  if (error instanceof RetryableFault || error instanceof TerminalFault) return error;
  if (!(error instanceof Error)) return error;
  const name = s3ErrorName(error);
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const what = `${place} could not be ${doing} (${name}${error.message === '' || error.message === name ? '' : `: ${error.message}`})`;
  if (denied.includes(name) || status === 403 || status === 401) {
    return new TerminalFault(
      'archive_denied',
      `${what}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or the SDK's other ways) to an account with the rights that docs/AUDIT.md lists.`,
      { cause: error },
    );
  }
  if (name === 'NoSuchBucket') {
    return new TerminalFault(
      'archive_missing',
      `${what}: make the bucket, with object lock (aws s3api create-bucket --bucket NAME --object-lock-enabled-for-bucket), or correct ARCHIVE_URL.`,
      { cause: error },
    );
  }
  // The SDK wraps errors that it does not take for its own realm's, and keeps of them the message alone.
  const away =
    notConnected.some((one) => one === code || error.message.includes(one)) ||
    ['TimeoutError', 'SlowDown', 'ConditionalRequestConflict'].includes(name);
  if (away || status === tooMany || (status !== undefined && status >= unavailableFromStatus)) {
    return new RetryableFault('archive_unavailable', `${what}: see whether the store is up and reachable, then run this again.`, {
      cause: error,
    });
  }
  if (error.message === 'Region is missing') {
    return new TerminalFault('archive_url_invalid', `${what}: add ?region=REGION to ARCHIVE_URL, or set AWS_REGION.`, { cause: error });
  }
  // Neither an answer of the store's nor a way that failed: a bug, or a file of ours that cannot be read.
  if (status === undefined) return error;
  return new TerminalFault(
    'archive_refused',
    `${what}: correct ARCHIVE_URL, the credentials or the bucket's settings, then run this again.`,
    {
      cause: error,
    },
  );
}
