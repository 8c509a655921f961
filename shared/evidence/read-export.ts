import type { Offset } from '#schemas/ids.ts';
import { SaleTerms } from '#schemas/terms.ts';
import { HASH_BYTES } from '#shared/proof/tree-hash.ts';
import type { Evidence, EvidenceCheckpoint, EvidenceEvent, EvidenceFault, EvidenceRecord } from './evidence.ts';
import { CheckpointLine, EXPORT_FORMAT, EXPORT_VERSION, type ExportFile, Keys, Manifest, MANIFEST } from './export-format.ts';
import { type ExportPart, type ExportSource, openExportSource } from './export-source.ts';
import { parseRecord } from './line-format.ts';

/** `refused`: there is nothing that could be judged. */
export type OpenedExport =
  | { readonly kind: 'opened'; readonly evidence: Evidence; readonly manifest: Manifest; readonly close: () => Promise<void> }
  | { readonly kind: 'refused'; readonly fault: EvidenceFault };

/** Of a file that is read as a whole: a manifest, keys, terms. */
const wholeBytesMax = 64 * 1024 * 1024;
/** Of a line: a sale's terms are the longest there are. What is longer is no line. */
const lineBytesMax = 64 * 1024 * 1024;
const NEWLINE = '\n'.charCodeAt(0);

/**
 * Opens an export: a directory or a .tar. Nothing in it is believed; what cannot be read
 * is a fault of the evidence.
 *
 * @param options.line false: the line is not wanted, and need not be there
 */
export async function openExport(path: string, { line }: { readonly line: boolean }): Promise<OpenedExport> {
  const source = await openExportSource(path);
  if (source === null)
    return refused('export_missing', `There is no export at ${path}: give a directory or a .tar that \`firstcome audit export\` wrote.`);
  const opened = await read(source, path, line);
  if (opened.kind === 'refused') await source.close();
  return opened;
}

async function read(source: ExportSource, path: string, wantsLine: boolean): Promise<OpenedExport> {
  const faults: EvidenceFault[] = [];
  const manifestPart = source.find(MANIFEST);
  if (manifestPart === null)
    return refused('manifest_missing', `${path} has no ${MANIFEST}: it is no export, or not all of one. Get the export again.`);
  const written = parseJson(await wholeOf(manifestPart, () => undefined));
  const said = written as { format?: unknown; version?: unknown } | null | undefined;
  if (said?.format === EXPORT_FORMAT && said.version !== EXPORT_VERSION)
    return refused(
      'format_unknown',
      `${path} is an export of version ${String(said.version)} and this program reads version ${EXPORT_VERSION}: take a newer one.`,
    );
  const parsed = Manifest.safeParse(written);
  if (!parsed.success)
    return refused(
      'manifest_unreadable',
      `${MANIFEST} of ${path} cannot be read (${parsed.error.issues[0]!.path.join('.')}): get the export again.`,
    );
  const manifest = parsed.data;

  /** Told when a file was read to its end. */
  const hashed = (name: ExportFile) => (sha256: string) => {
    if (manifest.files[name]?.sha256 === sha256) return;
    faults.push({
      verdict: 'unverifiable',
      code: 'file_differs',
      why: `${name} is not the file that was exported (its SHA-256 is not that of the manifest), in what the check cannot see: copy the export again.`,
    });
  };
  const part = (name: ExportFile): ExportPart | null => {
    const found = source.find(name);
    if (found === null) faults.push(missing(name, path));
    return found;
  };

  const termsPart = part('terms.json');
  const eventsPart = part('events.ndjson');
  if (termsPart === null || eventsPart === null) return { kind: 'refused', fault: faults[0]! };
  const terms = SaleTerms.safeParse(parseJson(await wholeOf(termsPart, hashed('terms.json'))));
  if (!terms.success) return refused('terms_unreadable', `terms.json of ${path} cannot be read: get the export again.`);
  const hashesPart = part('hashes.bin');
  const checkpointsPart = part('checkpoints.ndjson');
  const keysPart = part('keys.json');
  const keys = keysPart === null ? null : Keys.safeParse(parseJson(await wholeOf(keysPart, hashed('keys.json'))));
  const { line } = manifest;
  const linePart = wantsLine && line !== null ? part('line.ndjson') : null;

  const evidence: Evidence = {
    start: {
      saleId: manifest.sale_id,
      origin: manifest.origin,
      auditedThrough: manifest.events,
      head: Buffer.from(manifest.head, 'hex'),
      terms: terms.data,
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
    events: () => eventsOf(eventsPart, hashed('events.ndjson'), hashesPart, hashed('hashes.bin')),
    line: () => (linePart === null || line === null ? null : recordsOf(linePart, hashed('line.ndjson'), manifest, line.first_offset)),
    checkpoints: () => checkpointsOf(checkpointsPart, hashed('checkpoints.ndjson'), faults),
    keys: keys?.success === true ? keys.data.keys : [],
    faults: () => faults,
  };
  return { kind: 'opened', evidence, manifest, close: source.close };
}

async function* eventsOf(
  events: ExportPart,
  onEvents: (sha256: string) => void,
  hashes: ExportPart | null,
  onHashes: (sha256: string) => void,
): AsyncGenerator<readonly EvidenceEvent[]> {
  const stored = hashes === null ? null : hashes.chunks(onHashes);
  let left: Buffer = Buffer.alloc(0);
  for await (const lines of linesOf(events, onEvents)) {
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
  // To its end, so that its SHA-256 is compared.
  for (let chunk = await stored?.next(); chunk?.done === false; chunk = await stored?.next());
}

async function* recordsOf(
  part: ExportPart,
  onEnd: (sha256: string) => void,
  { sale_id: saleId }: Manifest,
  firstOffset: Offset,
): AsyncGenerator<readonly EvidenceRecord[]> {
  let due = firstOffset;
  for await (const lines of linesOf(part, onEnd)) {
    yield lines.map((line, index) => parseRecord(line, saleId, (due + index) as Offset));
    due = (due + lines.length) as Offset;
  }
}

async function* checkpointsOf(
  part: ExportPart | null,
  onEnd: (sha256: string) => void,
  faults: EvidenceFault[],
): AsyncGenerator<EvidenceCheckpoint> {
  if (part === null) return;
  let number = 0;
  for await (const lines of linesOf(part, onEnd)) {
    for (const line of lines) {
      number += 1;
      const checkpoint = CheckpointLine.safeParse(parseJson(line));
      if (checkpoint.success) yield checkpoint.data;
      else
        faults.push({
          verdict: 'tampered',
          code: 'checkpoint_altered',
          why: `Line ${number} of checkpoints.ndjson is no checkpoint any more: compare it with a copy of the export that somebody else has.`,
        });
    }
  }
}

/** Lines without their newlines, as parts of the chunks they were read in. What has no newline behind it is no line: there the file was cut. */
async function* linesOf(part: ExportPart, onEnd: (sha256: string) => void): AsyncGenerator<Buffer[]> {
  let begun: Buffer[] = [];
  let begunBytes = 0;
  for await (const chunk of part.chunks(onEnd)) {
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
    if (begunBytes > lineBytesMax) return;
    if (lines.length > 0) yield lines;
  }
}

async function wholeOf(part: ExportPart, onEnd: (sha256: string) => void): Promise<Buffer> {
  if (part.bytes > wholeBytesMax) return Buffer.alloc(0);
  const chunks: Buffer[] = [];
  for await (const chunk of part.chunks(onEnd)) chunks.push(chunk);
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

function missing(name: ExportFile, path: string): EvidenceFault {
  return { verdict: 'unverifiable', code: 'file_missing', why: `${path} has no ${name}: it is not all of an export. Get it again.` };
}
