import type { Offset, SaleId } from '#schemas/ids.ts';
import { SaleTerms } from '#schemas/terms.ts';
import { canonicalJson } from '#shared/proof/canonical.ts';
import { HASH_BYTES } from '#shared/proof/tree-hash.ts';
import type { Evidence, EvidenceCheckpoint, EvidenceEvent, EvidenceFault, EvidenceRecord } from './evidence.ts';
import {
  CheckpointLine,
  EXPORT_FILES,
  EXPORT_FORMAT,
  EXPORT_VERSION,
  type ExportFile,
  Keys,
  keysBytesMax,
  keysMax,
  lineBytesMax,
  Manifest,
  MANIFEST,
  manifestBytesMax,
  othersMax,
  termsItemsMax,
} from './export-format.ts';
import { type ExportPart, type ExportSource, openExportSource } from './export-source.ts';
import { parseRecord } from './line-format.ts';

/** `refused`: there is nothing that could be judged. */
export type OpenedExport =
  | { readonly kind: 'opened'; readonly evidence: Evidence; readonly manifest: Manifest; readonly close: () => Promise<void> }
  | { readonly kind: 'refused'; readonly fault: EvidenceFault };

const NEWLINE = '\n'.charCodeAt(0);

/**
 * Opens an export: a directory or a .tar. Nothing in it is believed; what cannot be read
 * is a fault of the evidence.
 *
 * @param options.line false: the line is not wanted, and need not be there
 */
export async function openExport(path: string, { line }: { readonly line: boolean }): Promise<OpenedExport> {
  const opened = await openExportSource(path);
  if (opened.kind === 'refused') return refused(opened.code, opened.why);
  const { source } = opened;
  let evidence: OpenedExport | null = null;
  try {
    evidence = await read(source, path, line);
  } finally {
    if (evidence?.kind !== 'opened') await source.close();
  }
  return evidence;
}

/** A file of the export, of which it is noted whether all of it was read and was what the manifest says. */
interface ExportText {
  readonly name: ExportFile;
  readonly bytes: number;
  readonly chunks: () => AsyncGenerator<Buffer>;
  /** What is wrong with it: the first of each file is kept, however many there are. */
  readonly fault: (fault: EvidenceFault) => void;
}

async function read(source: ExportSource, path: string, wantsLine: boolean): Promise<OpenedExport> {
  const manifestPart = source.find(MANIFEST);
  if (manifestPart === null)
    return refused(
      'manifest_missing',
      `${path} has no ${MANIFEST} that is a file: it is no export, or not all of one. Get the export again.`,
    );
  const opened = readManifest(await wholeOf(manifestPart, manifestBytesMax), path);
  if ('kind' in opened) return opened;
  const manifest = opened;
  const { line } = manifest;

  const faults: EvidenceFault[] = [];
  const faulty = new Set<string>();
  /** Begun and not read to their end: of these no sum was compared. */
  const unread = new Set<ExportFile>();
  const part = (name: ExportFile): ExportText | null => {
    const found = source.find(name);
    if (found === null) {
      faults.push(missing(name, path, source.notFiles.has(name)));
      return null;
    }
    const fault = (one: EvidenceFault): void => {
      const key = `${name} ${one.code}`;
      if (!faulty.has(key)) faults.push(one);
      faulty.add(key);
    };
    const said = manifest.files[name];
    if (said?.bytes !== found.bytes)
      fault(differs(name, `it has ${found.bytes} bytes and the manifest says ${said?.bytes ?? 'nothing of it'}`));
    const chunks = (): AsyncGenerator<Buffer> => {
      unread.add(name);
      return found.chunks((sha256) => {
        unread.delete(name);
        if (said?.sha256 !== sha256) fault(differs(name, 'its SHA-256 is not that of the manifest, in what the check cannot see'));
      });
    };
    return { name, bytes: found.bytes, chunks, fault };
  };

  const termsPart = part('terms.json');
  const eventsPart = part('events.ndjson');
  if (termsPart === null || eventsPart === null) return { kind: 'refused', fault: faults.find(({ code }) => code === 'file_missing')! };
  const terms = await readTerms(termsPart);
  if (terms === null) return refused('terms_unreadable', `terms.json of ${path} cannot be read: get the export again.`);
  const hashesPart = part('hashes.bin');
  if (hashesPart !== null && hashesPart.bytes !== manifest.events * HASH_BYTES)
    hashesPart.fault(differs('hashes.bin', `it has ${hashesPart.bytes} bytes and ${manifest.events} events have ${HASH_BYTES} each`));
  const checkpointsPart = part('checkpoints.ndjson');
  const keysPart = part('keys.json');
  const keys = keysPart === null ? [] : await readKeys(keysPart);
  const linePart = wantsLine && line !== null ? part('line.ndjson') : null;
  if (line === null && (source.find('line.ndjson') !== null || manifest.files['line.ndjson'] !== undefined))
    faults.push(manifestDiffers('it says that the line is not there, and line.ndjson is'));

  const evidence: Evidence = {
    start: {
      saleId: manifest.sale_id,
      origin: manifest.origin,
      auditedThrough: manifest.events,
      head: Buffer.from(manifest.head, 'hex'),
      terms,
      status: manifest.status,
      settled: manifest.settled,
      line:
        line === null
          ? null
          : {
              partition: line.partition,
              firstOffset: line.first_offset,
              firstAt: line.first_at,
              throughOffset: line.through_offset,
              others: new Map(line.others.map(({ sale_id, scheduled_offset }) => [sale_id, scheduled_offset])),
            },
    },
    events: () => eventsOf(eventsPart, hashesPart),
    line: () => (linePart === null || line === null ? null : recordsOf(linePart, manifest.sale_id, line)),
    checkpoints: () => checkpointsOf(checkpointsPart, manifest),
    keys,
    faults: () => [
      ...faults,
      ...[...unread].map((name) => differs(name, 'it was not read to its end, so that its SHA-256 was not compared')),
    ],
  };
  return { kind: 'opened', evidence, manifest, close: source.close };
}

function readManifest(bytes: Buffer | null, path: string): Manifest | OpenedExport {
  const unreadable = (what: string): OpenedExport =>
    refused('manifest_unreadable', `${MANIFEST} of ${path} cannot be read (${what}): get the export again.`);
  if (bytes === null) return unreadable(`it has more than ${manifestBytesMax} bytes`);
  const written = parseJson(bytes);
  const { format, version, line, files } = (written ?? {}) as { format?: unknown; version?: unknown; line?: unknown; files?: unknown };
  if (format === EXPORT_FORMAT && version !== EXPORT_VERSION)
    return refused(
      'format_unknown',
      `${path} is an export of version ${versionText(version)} and this program reads version ${EXPORT_VERSION}: take a newer one.`,
    );
  // Counted first: zod makes an issue of each element that is wrong.
  if (lengthOf(line, 'others') > othersMax) return unreadable(`line.others has more than ${othersMax} elements`);
  if (Object.keys(files ?? {}).length > EXPORT_FILES.length) return unreadable('files names more than an export has');
  const parsed = Manifest.safeParse(written);
  return parsed.success
    ? parsed.data
    : unreadable(parsed.error.issues[0]!.path.join('.').slice(0, pathShownMax) || 'it is not what a manifest holds');
}

/** Characters of what somebody else wrote. */
const pathShownMax = 100;
const versionShownMax = 20;

/** What stands there may be anything. */
function versionText(version: unknown): string {
  if (typeof version === 'number') return String(version);
  return typeof version === 'string' && version.length <= versionShownMax ? JSON.stringify(version) : 'unknown';
}

/** Of the list that a value holds under a name; 0 where it holds none. */
function lengthOf(value: unknown, name: string): number {
  const list = (value as Readonly<Record<string, unknown>> | null | undefined)?.[name];
  return Array.isArray(list) ? list.length : 0;
}

/** null where they are none. */
async function readTerms(part: ExportText): Promise<SaleTerms | null> {
  const bytes = await wholeOf(part, lineBytesMax);
  const written = bytes === null ? undefined : parseJson(bytes);
  if (bytes === null || lengthOf(written, 'items') > termsItemsMax) return null;
  const terms = SaleTerms.safeParse(written);
  if (!terms.success) return null;
  // Another reader could take a name that stands there twice otherwise.
  if (!bytes.equals(Buffer.from(`${canonicalJson(terms.data)}\n`)))
    part.fault({
      verdict: 'unverifiable',
      code: 'terms_not_canonical',
      why: 'terms.json is not written in canonical form (RFC 8785) with a newline behind it, so others could read other terms in it: get the export again.',
    });
  return terms.data;
}

/** None where they cannot be read. */
async function readKeys(part: ExportText): Promise<Evidence['keys']> {
  const bytes = await wholeOf(part, keysBytesMax);
  const written = bytes === null ? undefined : parseJson(bytes);
  const keys = lengthOf(written, 'keys') > keysMax ? null : Keys.safeParse(written);
  if (keys?.success === true) return keys.data.keys;
  part.fault({
    verdict: 'unverifiable',
    code: 'keys_unreadable',
    why: `keys.json cannot be read as at most ${keysMax} keys in ${keysBytesMax} bytes: get the export again.`,
  });
  return [];
}

async function* eventsOf(events: ExportText, hashes: ExportText | null): AsyncGenerator<readonly EvidenceEvent[]> {
  const stored = hashes === null ? null : hashes.chunks();
  let left: Buffer = Buffer.alloc(0);
  for await (const lines of linesOf(events)) {
    while (stored !== null && left.length < lines.length * HASH_BYTES) {
      const chunk = await stored.next();
      if (chunk.done === true) break;
      left = Buffer.concat([left, chunk.value]);
    }
    yield lines.map((leaf, index) => {
      const storedHash = left.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
      return { leaf, storedHash: storedHash.length === HASH_BYTES ? storedHash : null };
    });
    left = left.subarray(lines.length * HASH_BYTES);
  }
  // To its end, so that its SHA-256 is compared; where there are more than an event can have there is a fault already.
  for (let extra = left.length; extra <= HASH_BYTES;) {
    const chunk = await stored?.next();
    if (chunk?.done !== false) break;
    extra += chunk.value.length;
  }
}

async function* recordsOf(
  part: ExportText,
  saleId: SaleId,
  { first_offset: firstOffset, first_at: firstAt, through_offset: throughOffset }: NonNullable<Manifest['line']>,
): AsyncGenerator<readonly EvidenceRecord[]> {
  let due = firstOffset;
  for await (const lines of linesOf(part)) {
    const records = lines.map((line, index) => parseRecord(line, saleId, (due + index) as Offset));
    const [first] = records;
    if (due === firstOffset && first !== undefined && first.kind !== 'unreadable' && first.timestamp > firstAt)
      part.fault(manifestDiffers('its line.first_at is before the time of the first record'));
    yield records;
    due = (due + lines.length) as Offset;
  }
  if (due > throughOffset + 1) part.fault(manifestDiffers(`line.ndjson goes on behind line.through_offset, ${throughOffset}`));
}

async function* checkpointsOf(part: ExportText | null, { events, root }: Manifest): AsyncGenerator<EvidenceCheckpoint> {
  if (part === null) return;
  let number = 0;
  for await (const lines of linesOf(part)) {
    for (const line of lines) {
      number += 1;
      const checkpoint = CheckpointLine.safeParse(parseJson(line));
      if (!checkpoint.success || !line.equals(Buffer.from(JSON.stringify(checkpoint.data)))) {
        part.fault(checkpointAltered(number, 'is no checkpoint any more'));
        continue;
      }
      // Whether anybody signed it is not known here; what it says is, and nothing beside it may say otherwise.
      const [, size, signedRoot] = checkpoint.data.note.split('\n', 3);
      if (size !== String(checkpoint.data.size)) part.fault(checkpointAltered(number, 'has another size than the note in it'));
      else if (checkpoint.data.size === events && signedRoot !== root)
        part.fault(manifestDiffers(`its root is not that of the checkpoint over all ${events} events`));
      yield checkpoint.data;
    }
  }
}

function checkpointAltered(number: number, what: string): EvidenceFault {
  return {
    verdict: 'tampered',
    code: 'checkpoint_altered',
    why: `Line ${number} of checkpoints.ndjson ${what}: compare it with a copy of the export that somebody else has.`,
  };
}

/**
 * Lines without their newlines, as parts of the chunks they were read in. What has no newline behind
 * it is no line: there the file was cut, or something was put behind its end. Reads no further than
 * a line that is too long, and holds no more of it.
 */
async function* linesOf(part: ExportText): AsyncGenerator<Buffer[]> {
  let begun: Buffer[] = [];
  let begunBytes = 0;
  for await (const chunk of part.chunks()) {
    const lines: Buffer[] = [];
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      const rest = chunk.subarray(from, end);
      lines.push(begun.length === 0 ? rest : Buffer.concat([...begun, rest]));
      begun = [];
      from = end + 1;
    }
    if (lines.length > 0) begunBytes = 0;
    if (from < chunk.length) {
      begun.push(chunk.subarray(from));
      begunBytes += chunk.length - from;
    }
    if (lines.length > 0) yield lines;
    if (begunBytes > lineBytesMax) {
      part.fault(differs(part.name, `it has a line of more than ${lineBytesMax} bytes, behind which nothing was read`));
      return;
    }
  }
  if (begunBytes > 0)
    part.fault(differs(part.name, `it has ${begunBytes} bytes behind its last newline, where the file was cut or something was added`));
}

/** null where it has more bytes. */
async function wholeOf(part: Pick<ExportText | ExportPart, 'bytes' | 'chunks'>, bytesMax: number): Promise<Buffer | null> {
  if (part.bytes > bytesMax) return null;
  const chunks: Buffer[] = [];
  for await (const chunk of part.chunks(() => undefined)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** undefined where it is no JSON. */
function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}

function refused(code: string, why: string): OpenedExport {
  return { kind: 'refused', fault: { verdict: 'unverifiable', code, why } };
}

function missing(name: ExportFile, path: string, isNoFile: boolean): EvidenceFault {
  const what = isNoFile ? `${name} of ${path} is no file and was not opened` : `${path} has no ${name}`;
  return { verdict: 'unverifiable', code: 'file_missing', why: `${what}: it is not all of an export. Get it again.` };
}

function differs(name: ExportFile, how: string): EvidenceFault {
  return {
    verdict: 'unverifiable',
    code: 'file_differs',
    why: `${name} is not the file that was exported (${how}): copy the export again.`,
  };
}

function manifestDiffers(how: string): EvidenceFault {
  return {
    verdict: 'unverifiable',
    code: 'manifest_differs',
    why: `${MANIFEST} does not fit the other files (${how}): get the export again.`,
  };
}
