import type { SaleStatus } from '#schemas/event.ts';
import type { EpochMs } from '#schemas/ids.ts';
import { canonicalJson } from '#shared/proof/canonical.ts';
import { createGrowingTree } from '#shared/proof/growing-tree.ts';
import type { VerifierKey } from '#shared/proof/note.ts';
import type { SealedEvent } from '#shared/proof/seal.ts';
import { STATUS_AFTER } from '#shared/sale/transitions.ts';
import { createEventChecks, diagnose } from './check-event.ts';
import { decideAgain, type DecidedAgain } from './decided-again.ts';
import { type CheckedInvariant, type Evidence, type EvidenceEvent, type Verdict, VERDICTS } from './evidence.ts';
import { createLogInvariants, type LogInvariants } from './log-invariants.ts';
import { type Finding, openSignedRoots, type SignedRoots } from './signed-roots.ts';

export interface VerifyOptions {
  /** Keys whose signatures count. None: nothing is ever verified, what is wrong is found all the same. */
  readonly trusted: readonly VerifierKey[];
  /** Checkpoints that the auditor kept or got from others. */
  readonly brought?: readonly string[];
  /** false: the line is not looked at. Default true: without the line the verdict is `unverifiable` at best. */
  readonly replay?: boolean;
  /** Called after each page of events. */
  readonly onProgress?: (done: number, of: number) => void;
  /** Aborted: the verification throws its reason after the page at hand. */
  readonly signal?: AbortSignal;
}

/**
 * Judges a sale by its evidence, in one pass over log and line side by side: decides every
 * request again and holds each leaf against what comes out, byte for byte, which proves
 * canonical form, chain, seq, counts and order at once; builds the RFC 6962 tree over the
 * leaves and compares it with every checkpoint; adds up what the events say. Without the
 * line, form, chain, seq and order are checked one by one.
 *
 * Total: whatever the evidence holds there is a verdict. It throws what the evidence's
 * source throws when it cannot be read at all. Memory: a page, the live part of the sale
 * and some 200 bytes for each request.
 */
export async function verifyEvidence(evidence: Evidence, options: VerifyOptions): Promise<Verdict> {
  const startedAt = performance.now();
  const { start } = evidence;
  const findings: Finding[] = [];
  const signed = await openSignedRoots(evidence, options.trusted, options.brought ?? []);
  const again = options.replay === false ? null : decideAgain(evidence);
  const log = createLogInvariants({ keys: again === null });
  let read: LogRead;
  try {
    read = await readLog(evidence, again, signed, log, findings, options);
  } finally {
    await again?.close();
  }
  const { events, whole } = read;

  const lineFault = again?.fault() ?? null;
  if (lineFault !== null) findings.push(lineFault);
  findings.push(...evidence.faults());
  if (options.replay !== false && again === null) findings.push(LINE_MISSING);
  const replayed = again !== null && whole && again.fault() === null;
  if (whole) findings.push(...outcomeFindings(evidence, read));
  findings.push(...signed.findings(whole ? events : Infinity));
  if (whole) findings.push(...unsignedFindings(read, signed.signedThrough()));
  const cut = findings.some(({ verdict }) => verdict === 'truncated');
  if (whole && (replayed || !cut)) findings.push(...stateFindings(evidence, read, replayed ? again : null));
  const settled = replayed ? again.replay.settled() : start.settled;
  if (whole && settled && events === start.auditedThrough) log.settled();

  const invariants = judgeInvariants({
    log,
    again: replayed ? again : null,
    keysRead: again === null,
    findings,
    events,
    whole,
    signedThrough: signed.signedThrough(),
  });
  // What order, chain and signatures have against the log stands among the findings already.
  const violated = invariants.filter(({ id, holds }) => !holds && id !== 'I3' && id !== 'I10');
  if (whole && violated.length > 0) findings.push(invariantFinding(violated));

  const found = VERDICTS.flatMap((verdict) => findings.find((finding) => finding.verdict === verdict) ?? []).at(0);
  const facts = {
    events,
    checkpoints: signed.count(),
    signedThrough: signed.signedThrough(),
    replayed,
    invariants,
    seconds: (performance.now() - startedAt) / 1000,
  };
  if (found === undefined) return { verdict: 'verified', code: 'verified', seq: null, why: verifiedText(facts), ...facts };
  return { verdict: found.verdict, code: found.code, seq: found.seq ?? null, why: found.why, ...facts };
}

interface LogRead {
  /** That were as they must be, from seq 1 on. */
  readonly events: number;
  /** Of the last of them, hex. */
  readonly head: string;
  /** To its end: no event was found that is not what it must be. */
  readonly whole: boolean;
  /** By those events; null: none says so. */
  readonly status: SaleStatus | null;
  /** Logical time of the last of them, and of the first behind the last signed root. */
  readonly at: EpochMs;
  readonly unsignedSince: EpochMs;
}

const LINE_MISSING: Finding = {
  verdict: 'unverifiable',
  code: 'line_missing',
  why: 'The line is not at hand, so that no decision could be made again. Get an export that has it, or check the rest with --no-replay.',
};

/** Both sides, step by step, to the first event that is not what it must be. */
async function readLog(
  evidence: Evidence,
  again: DecidedAgain | null,
  signed: Pick<SignedRoots, 'nextSize' | 'rootIs' | 'signedThrough'>,
  log: LogInvariants,
  findings: Finding[],
  { onProgress, signal }: VerifyOptions,
): Promise<LogRead> {
  const { saleId, auditedThrough, terms } = evidence.start;
  const checks = createEventChecks(saleId);
  const tree = createGrowingTree();
  const pages = evidence.events()[Symbol.asyncIterator]();
  let expected: readonly SealedEvent[] = [];
  let at = 0;
  let onLine = again !== null;
  let seq = 0;
  let status: SaleStatus | null = null;
  let [eventAt, unsignedSince] = [0 as EpochMs, 0 as EpochMs];
  const readSoFar = (whole: boolean): LogRead => ({ events: seq, head: checks.head(), whole, status, at: eventAt, unsignedSince });
  if (signed.nextSize() === 0) signed.rootIs(tree.root());

  try {
    for (let page = await pages.next(); page.done !== true; page = await pages.next()) {
      signal?.throwIfAborted();
      const given = page.value;
      for (let index = 0; index < given.length; index++) {
        if (onLine && at === expected.length) {
          const more = await again!.more();
          expected = more ?? [];
          at = 0;
          onLine = more !== null;
        }
        const event = given[index]!;
        if (!onLine && again !== null && again.fault() === null) {
          findings.push(beyondTheLine(seq + 1, auditedThrough));
          return readSoFar(false);
        }
        const wanted = onLine ? expected[at++]! : null;
        const checked = wanted === null ? checks.alone(event) : checks.again(event, wanted);
        if (checked.kind === 'unsound') {
          const next = given[index + 1] ?? (await firstOf(pages));
          findings.push(diagnose(seq + 1, checked.fault, event, next, wanted));
          return readSoFar(false);
        }
        seq += 1;
        eventAt = checked.event.at;
        if (signed.signedThrough() === seq - 1) unsignedSince = eventAt;
        status = STATUS_BY_EVENT[checked.event.type] ?? status;
        log.take(checked.event);
        tree.append(checked.hash);
        if (seq === signed.nextSize()) signed.rootIs(tree.root());
        if (checked.event.type === 'sale.scheduled' && canonicalJson(checked.event.terms) !== canonicalJson(terms))
          findings.push(TERMS_DIFFER);
      }
      onProgress?.(seq, auditedThrough);
    }
  } finally {
    await pages.return?.();
  }
  // What the line leads to beyond the log: the log was cut.
  const left = expected.length - at > 0 || (onLine && (await again!.more()) !== null);
  if (left && seq >= auditedThrough) findings.push(lineGoesOn(seq));
  while (onLine && (await again!.more()) !== null) signal?.throwIfAborted();
  return readSoFar(true);
}

async function firstOf(pages: AsyncIterator<readonly EvidenceEvent[]>): Promise<EvidenceEvent | undefined> {
  const page = await pages.next();
  return page.done === true ? undefined : page.value[0];
}

const TERMS_DIFFER: Finding = {
  verdict: 'tampered',
  code: 'terms_differ',
  seq: 1,
  why: 'The terms of the sale are not those it was scheduled with (event 1). Those of the event are what was promised.',
};

function beyondTheLine(seq: number, auditedThrough: number): Finding {
  return {
    verdict: 'tampered',
    code: seq > auditedThrough ? 'events_added' : 'event_inserted',
    seq,
    why: `The line leads to no event ${seq}: it was put in. Keep this evidence as it is and compare it with a copy of the log that somebody else has.`,
  };
}

function lineGoesOn(events: number): Finding {
  return {
    verdict: 'truncated',
    code: 'events_missing_at_end',
    seq: events + 1,
    why: `The line leads to more than the ${events} events there are: what stood behind them was cut off. Ask for it; the line says what it was.`,
  };
}

/** What the evidence says of the outcome, against what its events say. */
function* outcomeFindings({ start }: Evidence, { events, head }: LogRead): Generator<Finding> {
  const { auditedThrough } = start;
  if (events < auditedThrough) {
    yield {
      verdict: 'truncated',
      code: 'events_missing_at_end',
      seq: events + 1,
      why: `There are ${events} events where ${auditedThrough} are said to be: the last ${auditedThrough - events} are gone. Ask for them; a checkpoint or a receipt of a later seq proves that they were there.`,
    };
    return;
  }
  if (events > auditedThrough) {
    yield {
      verdict: 'tampered',
      code: 'events_added',
      seq: auditedThrough + 1,
      why: `There are ${events} events where ${auditedThrough} are said to be: the last ${events - auditedThrough} were added. Compare them with a copy of the log that somebody else has.`,
    };
    return;
  }
  if (start.head.toString('hex') !== head) {
    yield {
      verdict: 'tampered',
      code: 'head_differs',
      seq: events,
      why: `Event ${events} does not have the hash that is given as the head of the log: one of the two was altered.`,
    };
  }
}

/** How the sale is said to stand, against what its events say; of a log that was cut nothing can be said. */
function* stateFindings({ start }: Evidence, { status }: LogRead, again: DecidedAgain | null): Generator<Finding> {
  const byEvents = again === null ? status : again.replay.status();
  // Whether it is settled only the replay knows.
  const settled = again?.replay.settled() ?? start.settled;
  if (byEvents === start.status && settled === start.settled) return;
  yield {
    verdict: 'tampered',
    code: 'state_differs',
    why: `The sale is said to be ${stateText(start.status, start.settled)} and by its events it is ${stateText(byEvents, settled)}: believe the events.`,
  };
}

const STATUS_BY_EVENT: typeof STATUS_AFTER = { 'sale.scheduled': 'scheduled', ...STATUS_AFTER };

/** A log that grows is signed every second, so that a tail older than this is not one that nobody came to sign yet. */
const unsignedMsMax = 60_000;

/** Whoever has no key can write on behind the last signature, or rewrite what stands behind it together with the line. */
function* unsignedFindings({ events, status, at, unsignedSince }: LogRead, signedThrough: number): Generator<Finding> {
  if (signedThrough === 0 || signedThrough >= events || (status !== 'closed' && at - unsignedSince <= unsignedMsMax)) return;
  yield {
    verdict: 'unverifiable',
    code: 'not_signed_to_the_end',
    seq: signedThrough + 1,
    why: `Events ${signedThrough + 1} to ${events} stand under no signature, and ${status === 'closed' ? 'a sale that is closed is signed to its end at once' : 'a sale that runs is signed every second'}: anyone could have written them. Ask for a later checkpoint, and give it with --checkpoint.`,
  };
}

function stateText(status: string | null, settled: boolean): string {
  return `${status ?? 'not scheduled'}${settled ? ' and settled' : ''}`;
}

interface Judged {
  readonly log: LogInvariants;
  /** null: the line was not read to its end. */
  readonly again: DecidedAgain | null;
  /** Whether the log's own keys were looked at, because there was no line. */
  readonly keysRead: boolean;
  readonly findings: readonly Finding[];
  readonly events: number;
  readonly whole: boolean;
  readonly signedThrough: number;
}

function judgeInvariants(judged: Judged): readonly CheckedInvariant[] {
  const { log, again, findings, events, whole } = judged;
  const inMemory = again?.replay.violations() ?? [];
  const signedRight = whole && findings.every(({ verdict }) => verdict === 'unverifiable');
  const upTo = whole ? `in all ${events} events` : `in the ${events} events before the first that is not right`;

  const ofLog = (id: Parameters<LogInvariants['violations']>[0], what: string, more: readonly string[] = []): CheckedInvariant => {
    const violations = [...log.violations(id), ...inMemory.filter((text) => text.startsWith(`${id}: `)), ...more];
    return {
      id,
      holds: violations.length === 0,
      checked: true,
      detail: violations.length === 0 ? `${what} ${upTo}` : violations.join('; '),
    };
  };
  const notHere = (id: string, detail: string): CheckedInvariant => ({ id, holds: true, checked: false, detail });

  const others = inMemory.filter((text) => !/^I\d+: /.test(text));
  return [
    ofLog('I1', 'held and sold are never below zero nor above the total'),
    ofLog('I2', 'counters are the sums over the reservations', others),
    { id: 'I3', holds: whole, checked: true, detail: orderText(judged) },
    requestsOnce(judged, log.violations('I4'), upTo),
    notHere('I5', 'held by the fence of each commit; see the fault tests'),
    notHere('I6', 'held by answering after the commit only; see the fault tests'),
    keysKept(judged, log.violations('I7'), upTo),
    ofLog('I8', 'no hold was released before its deadline'),
    ofLog('I9', 'each payment that succeeded confirmed its order or was to be refunded'),
    { id: 'I10', holds: signedRight, checked: true, detail: chainText(judged) },
    notHere('I11', 'the line is first in, first out; needs the clients’ own times'),
  ];
}

function requestsOnce({ again, keysRead }: Judged, violations: readonly string[], upTo: string): CheckedInvariant {
  if (again !== null) {
    const { decided, repeated, unanswered } = again.replay.answers();
    const figures = `of the requests on the line ${decided} were decided, each once, ${repeated} repeated one of these`;
    return {
      id: 'I4',
      holds: unanswered === 0,
      checked: true,
      detail: unanswered === 0 ? figures : `${figures} and ${unanswered} led to no decision`,
    };
  }
  if (!keysRead) return { id: 'I4', holds: true, checked: false, detail: 'the line was not read to its end' };
  const detail =
    violations.length > 0 ? violations.join('; ') : `no request was decided twice ${upTo}; whether each was decided only the line can tell`;
  return { id: 'I4', holds: violations.length === 0, checked: true, detail };
}

function keysKept({ again, keysRead }: Judged, violations: readonly string[], upTo: string): CheckedInvariant {
  if (again !== null)
    return {
      id: 'I7',
      holds: true,
      checked: true,
      detail: 'each key was given its first decision again, or refused for another request, as the replay did',
    };
  if (!keysRead) return { id: 'I7', holds: true, checked: false, detail: 'the line was not read to its end' };
  const detail = violations.length > 0 ? violations.join('; ') : `no key was refused as reused but for another request ${upTo}`;
  return { id: 'I7', holds: violations.length === 0, checked: true, detail };
}

function orderText({ again, events, whole }: Judged): string {
  if (!whole) return `event ${events + 1} is not what it must be`;
  if (again === null) return 'seq dense, offsets and times ascending; the line was not replayed to its end';
  return `${again.records()} records of the line lead to these ${events} events, byte for byte`;
}

function chainText({ signedThrough, events, whole }: Judged): string {
  const chain = whole ? `the chain holds to event ${events}` : `the chain holds to event ${events} and not beyond`;
  return signedThrough === 0
    ? `${chain}; no trusted signature stands over it`
    : `${chain}, the tree to the signed root of size ${signedThrough}`;
}

function invariantFinding(violated: readonly CheckedInvariant[]): Finding {
  const [first] = violated as [CheckedInvariant];
  return {
    verdict: 'tampered',
    code: 'invariant_violated',
    why: `${violated.map(({ id, detail }) => `${id}: ${detail ?? 'does not hold'}`).join('. ')}. The log is what was decided, and ${first.id} should have held: ask the operator to explain it.`,
  };
}

function verifiedText({ events, signedThrough, replayed }: Pick<Verdict, 'events' | 'signedThrough' | 'replayed'>): string {
  const how = replayed ? 'every decision was made again from the line and came out the same' : 'form, chain, seq and order are right';
  const tail = signedThrough < events ? `; events ${signedThrough + 1} to ${events} are not signed yet` : '';
  return `The log is as it was signed and ${how}${tail}.`;
}
