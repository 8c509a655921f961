import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  GetObjectLockConfigurationCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
  type CompletedPart,
} from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { EpochMs } from '#schemas/ids.ts';
import { TerminalFault } from '#shared/faults/faults.ts';
import { assertKey, type Archive, type ArchivedFile, type LocalFile, type Put } from './archive.ts';
import type { ArchivePlace } from './archive-url.ts';
import { s3FaultOf, s3ErrorName } from './s3-fault.ts';

/**
 * An archive in a bucket with object lock. Each file is stored in compliance mode:
 * until its date no account, the owner's included, can remove that version, replace it
 * or shorten the date. A file is sent in pieces that fit memory, each with its SHA-256,
 * so that the SDK can send a piece again and the store refuses what arrived damaged.
 *
 * Rights it needs: s3:PutObject, s3:PutObjectRetention, s3:GetObject,
 * s3:GetObjectRetention, s3:ListBucket (else a missing file cannot be told from a
 * forbidden one), s3:GetBucketObjectLockConfiguration, s3:AbortMultipartUpload.
 */

/** A file of at most this goes in one request. S3 wants parts of at least 5 MiB. */
const partBytesUsual = 16 * 1024 * 1024;
/** S3's own bound. */
const partsMax = 10_000;
const connectionTimeoutMs = 5_000;
/** For one piece, there and back. */
const requestTimeoutMs = 120_000;
/** For a connection on which nothing moves, also while a file is read. */
const idleTimeoutMs = 60_000;
const triesMax = 4;

const sha256Metadata = 'sha256';

export type S3Place = Extract<ArchivePlace, { kind: 's3' }>;

export interface S3Options {
  /** Bytes of a part; tests make it small. */
  readonly partBytes?: number;
  /** Default: the SDK's usual ways, the environment first. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

export function createS3Archive({ bucket, prefix, endpoint, region, pathStyle }: S3Place, options: S3Options = {}): Archive {
  const place = `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}${endpoint === undefined ? '' : ` at ${endpoint}`}`;
  const client = new S3Client({
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    forcePathStyle: pathStyle,
    maxAttempts: triesMax,
    requestHandler: {
      connectionTimeout: connectionTimeoutMs,
      requestTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true,
      socketTimeout: idleTimeoutMs,
    },
    // What is sent has a SHA-256 of its own; a CRC of the SDK's would be a second one.
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });

  const nameOf = (key: string): { readonly Bucket: string; readonly Key: string } => {
    assertKey(key);
    return { Bucket: bucket, Key: prefix === '' ? key : `${prefix}/${key}` };
  };

  /** `doing` continues "could not be". */
  async function asked<T>(doing: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw s3FaultOf(error, place, doing);
    }
  }

  async function check(): Promise<void> {
    await asked('asked for its object lock', async () => {
      const found = await client.send(new GetObjectLockConfigurationCommand({ Bucket: bucket })).catch((error: unknown) => {
        if (s3ErrorName(error) === 'ObjectLockConfigurationNotFoundError') return null;
        throw error;
      });
      if (found?.ObjectLockConfiguration?.ObjectLockEnabled === 'Enabled') return;
      throw new TerminalFault(
        'archive_not_locked',
        `The bucket of ${place} has no object lock, so anyone with write access could remove what is archived there. ` +
          `Make a bucket that has it (aws s3api create-bucket --bucket NAME --object-lock-enabled-for-bucket) and set ARCHIVE_URL to that one.`,
      );
    });
  }

  async function head(key: string): Promise<ArchivedFile | null> {
    return asked(`asked for ${key}`, async () => {
      const found = await client.send(new HeadObjectCommand({ ...nameOf(key), ChecksumMode: 'ENABLED' })).catch((error: unknown) => {
        if (['NotFound', 'NoSuchKey'].includes(s3ErrorName(error))) return null;
        throw error;
      });
      if (found === null) return null;
      // Of a file that went in one piece the store tells its own SHA-256; else what the upload said, which a locked version keeps too.
      const own = found.ChecksumType === 'COMPOSITE' || found.ChecksumSHA256?.includes('-') === true ? undefined : found.ChecksumSHA256;
      const mode = found.ObjectLockMode;
      return {
        bytes: found.ContentLength ?? 0,
        sha256: own === undefined ? (found.Metadata?.[sha256Metadata] ?? null) : Buffer.from(own, 'base64').toString('hex'),
        storedAt: (found.LastModified?.getTime() ?? 0) as EpochMs,
        retainUntil: (found.ObjectLockRetainUntilDate?.getTime() ?? null) as EpochMs | null,
        heldBy: mode === 'COMPLIANCE' ? 'compliance' : mode === 'GOVERNANCE' ? 'governance' : 'nothing',
      };
    });
  }

  async function put(key: string, file: LocalFile, retainUntil: EpochMs): Promise<Put> {
    // A versioned bucket takes a second file of the same name as a newer version; `If-None-Match` closes the gap behind this question.
    if ((await head(key)) !== null) return 'exists';
    return asked(`given ${key}`, async () => {
      const source = await open(file.path);
      try {
        return await send(source, file, nameOf(key), {
          ObjectLockMode: 'COMPLIANCE',
          ObjectLockRetainUntilDate: new Date(retainUntil),
          Metadata: { [sha256Metadata]: file.sha256 },
        });
      } finally {
        await source.close();
      }
    });
  }

  type Name = ReturnType<typeof nameOf>;
  interface Held {
    readonly ObjectLockMode: 'COMPLIANCE';
    readonly ObjectLockRetainUntilDate: Date;
    readonly Metadata: Record<string, string>;
  }

  async function send(source: FileHandle, file: LocalFile, name: Name, held: Held): Promise<Put> {
    const partBytes = Math.max(options.partBytes ?? partBytesUsual, Math.ceil(file.bytes / partsMax));
    if (file.bytes > partBytes) return sendParts(source, file, name, held, partBytes);
    const body = await readPart(source, file.bytes);
    if (sha256Of(body).toString('hex') !== file.sha256) throw sourceChanged(file);
    const ChecksumSHA256 = Buffer.from(file.sha256, 'hex').toString('base64');
    return onlyWhereAbsent((condition) =>
      client.send(new PutObjectCommand({ ...name, ...held, ...condition, Body: body, ChecksumSHA256 })),
    );
  }

  async function sendParts(source: FileHandle, file: LocalFile, name: Name, held: Held, partBytes: number): Promise<Put> {
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ ...name, ...held, ChecksumAlgorithm: 'SHA256' }));
    const upload = { ...name, UploadId: UploadId! };
    try {
      const whole = createHash('sha256');
      const parts: CompletedPart[] = [];
      for (let sent = 0; sent < file.bytes; sent += partBytes) {
        const body = await readPart(source, Math.min(partBytes, file.bytes - sent));
        whole.update(body);
        const ChecksumSHA256 = sha256Of(body).toString('base64');
        const PartNumber = parts.length + 1;
        const { ETag } = await client.send(new UploadPartCommand({ ...upload, PartNumber, Body: body, ChecksumSHA256 }));
        parts.push({ PartNumber, ETag, ChecksumSHA256 });
      }
      if (whole.digest('hex') !== file.sha256) throw sourceChanged(file);
      const MultipartUpload = { Parts: parts };
      const outcome = await onlyWhereAbsent((condition) =>
        client.send(new CompleteMultipartUploadCommand({ ...upload, ...condition, MultipartUpload })),
      );
      if (outcome === 'exists') await abort(upload);
      return outcome;
    } catch (error) {
      await abort(upload);
      throw error;
    }
  }

  /** Parts that nobody completes are paid for until the bucket's rules remove them. */
  async function abort(upload: Name & { readonly UploadId: string }): Promise<void> {
    await client.send(new AbortMultipartUploadCommand(upload)).catch(() => undefined);
  }

  async function get(key: string): Promise<Readable> {
    return asked(`asked for ${key}`, async () => {
      const found = await client.send(new GetObjectCommand(nameOf(key))).catch((error: unknown) => {
        if (s3ErrorName(error) !== 'NoSuchKey') throw error;
        throw new TerminalFault('archive_no_such_key', `${place} has no ${key}: see which files it has, and ask for one of them.`);
      });
      return found.Body as Readable;
    });
  }

  return { place, check, put, head, get, close: () => client.destroy() };
}

/**
 * `If-None-Match: *` where the store knows it; one that does not says "not implemented",
 * and then the question before has to do. 412, and that there is no such upload, is also
 * what a second try hears whose first answer was lost: `head` tells whose file stands there.
 */
async function onlyWhereAbsent(send: (condition: { IfNoneMatch?: string }) => Promise<unknown>): Promise<Put> {
  try {
    await send({ IfNoneMatch: '*' });
  } catch (error) {
    const name = s3ErrorName(error);
    if (name === 'PreconditionFailed' || name === 'NoSuchUpload') return 'exists';
    if (name !== 'NotImplemented') throw error;
    await send({});
  }
  return 'stored';
}

async function readPart(source: FileHandle, bytes: number): Promise<Buffer> {
  const part = Buffer.alloc(bytes);
  let filled = 0;
  while (filled < bytes) {
    const { bytesRead } = await source.read(part, filled, bytes - filled);
    // Shorter than it was: its hash will say so.
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return part.subarray(0, filled);
}

const sha256Of = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();

const sourceChanged = (file: LocalFile): TerminalFault =>
  new TerminalFault('archive_source_changed', `${file.path} changed while it was being archived: nothing was stored; run this again.`);
