import { type Failure, type Figure, failuresOf, figuresOf, type PageRuns, spreadPercentMax } from './figures.ts';
import type { Measurement, MeasurementId } from './measurement.ts';
import { picturesOf, slugOf } from './page-plots.ts';
import type { RunResult } from './run-result.ts';

/** docs/PERFORMANCE.md from what several runs measured. */

/** In the order of the page. */
const TITLES: Readonly<Record<MeasurementId, string>> = {
  P1: 'one writer, from a full line to durable decisions',
  P1b: 'the same, other sales',
  P2: 'over HTTP, each answered with its decision',
  P3: 'reads of availability',
  P4: 'orders',
  P5: 'as a sale grows, and as lines are added',
  P6: 'a writer killed',
  P7: 'memory',
  P8: 'a stampede',
  generator: 'the load generator itself',
  baseline: 'what people run instead',
  floor: 'the floor',
};

/** What its name alone does not tell a reader of the first table. */
const TOLD_BEFORE: Readonly<Partial<Record<MeasurementId, string>>> = {
  P1: 'one writer from a full line: ',
  P1b: 'one writer from a full line: ',
  P5: 'one writer from a full line: ',
  P8: 'a stampede: ',
};

const compared: readonly MeasurementId[] = ['baseline', 'floor'];

/**
 * @param pageRuns at least one run
 * @param findings what people found out by profiles, written by hand
 * @param plotsFolder as seen from the page
 */
export function performancePage(pageRuns: PageRuns, findings: string, plotsFolder: string): string {
  const { runs } = pageRuns;
  const figures = figuresOf(runs);
  const failures = failuresOf(runs);
  const own = (Object.keys(TITLES) as MeasurementId[])
    .filter((id) => !compared.includes(id))
    .flatMap((id) => figures.filter((figure) => figure.id === id));
  const aimed = own.filter(({ target }) => target !== undefined);
  return [
    '# Performance',
    opening(pageRuns, figures, aimed, failures),
    '## Against the targets',
    table(
      ['', 'what', 'target', 'reached', 'runs apart by', 'of a row lock', 'that apart by', 'of the floor', ''],
      ['---', '---', '---:', '---:', '---:', '---:', '---:', '---:', '---'],
      [...aimed.map(targetRow), ...failures.map((failure) => failureRow(failure, runs.length))],
    ),
    `Reached is the median of ${runs.length === 1 ? 'one run' : `${runs.length} runs`}, and of a rate measured several times within a run the best of them ([why](decisions/0016-the-best-of-a-run.md)), of anything else their median; of a row lock, of the floor: how many times as much, each at its best in the same run, and how far apart that is from run to run: most of the machine's drift is in both and falls out. Runs that are more than ${spreadPercentMax} % apart are in bold: read them as a range.`,
    misses(aimed, findings),
    '## Pictures',
    'Blue bars are ours. Of lines, the thick ones are the measurement nearest to the median, thin ones the others.',
    ...picturesOf(figures).flatMap(({ file, title }) => [`**${title}**`, `![${title}](${plotsFolder}/${file})`]),
    '## Beside what people run instead',
    'Each at the number of clients that suits it best, straight at the servers: without HTTP, order, limits per user, idempotency or proof. What counts is what stands in PostgreSQL. The floor is what no writer on this PostgreSQL can be faster than: the rows of a decision by COPY from one connection, made before the clock starts.',
    besideTable(figures),
    '## Every figure',
    ...(own.length === 0
      ? []
      : [...new Set(own.map(({ id }) => id))].map((id) =>
          details(
            `${id}: ${TITLES[id]}`,
            own.filter((figure) => figure.id === id),
          ),
        )),
    details(
      'The comparisons',
      figures.filter(({ id }) => compared.includes(id)),
    ),
    ...texts(runs.at(-1)!),
    speeds(runs),
    '## How to measure it again',
    howTo(runs),
    findings.trim(),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n');
}

function opening({ runs, again }: PageRuns, figures: readonly Figure[], aimed: readonly Figure[], failures: readonly Failure[]): string {
  const newest = runs.at(-1)!;
  const { machine } = newest;
  const writer = figures.find(({ id }) => id === 'P1');
  const http = figures.filter(({ id, unit }) => id === 'P2' && unit === '/s');
  const best = http.toSorted((a, b) => b.median - a.median)[0];
  const met = aimed.filter(({ verdict }) => verdict === 'met').length;
  const said = [
    `Of ${aimed.length} figures with a target, **${met} ${met === 1 ? 'meets' : 'meet'} it**.`,
    writer === undefined
      ? ''
      : `One writer decides **${valueOf(writer.median, writer.unit)}** reservations of one item from a full line${sentence(writer)}.`,
    best === undefined ? '' : `Over HTTP, ${best.what}: **${valueOf(best.median, best.unit)}**${sentence({ ...best, timesFloor: null })}.`,
    failures.length === 0 ? '' : `**${count(failures.length, 'step')} failed**: see the end of the table.`,
  ];
  const versions = Object.entries(machine.versions).map((pair) => pair.join(' '));
  return [
    said.filter((one) => one !== '').join(' '),
    table(
      ['', ''],
      ['---', '---'],
      [
        [
          'machine',
          `${machine.cores} cores of ${machine.cpu}, ${machine.memoryGiB} GiB, ${machine.system}; servers, services and load share them`,
        ],
        ['versions', versions.join(', ')],
        ['code', `commit ${machine.commit}${machine.unchanged ? '' : ', with changes'}`],
        ['runs', `\`${newest.command}\`, ${timesOf(runs)}, ${newest.minutes.toFixed(0)} minutes each`],
        ...again.map((made) => [
          'measured again',
          `\`${made.at(-1)!.command}\`, ${timesOf(made)}, commit ${made.at(-1)!.machine.commit}, in place of what the runs had`,
        ]),
        ['other load', `load average ${runs.map((run) => run.machine.loadBefore.toFixed(2)).join(', ')} when each began`],
      ],
    ),
  ].join('\n\n');
}

function timesOf(runs: readonly RunResult[]): string {
  return `${runs.map(({ at }) => `${at.slice(0, 10)} ${at.slice(11, 16)}`).join(', ')} UTC`;
}

function sentence({ timesRowLock, timesFloor }: Figure): string {
  const parts = [
    timesRowLock === null ? '' : `${times(timesRowLock)} a row lock a request`,
    timesFloor === null ? '' : `${(100 * timesFloor).toFixed(0)} % of what PostgreSQL takes in at all`,
  ].filter((part) => part !== '');
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`;
}

function targetRow(figure: Figure): string[] {
  const { id, what, target, median, unit, verdict, timesRowLock, timesRowLockSpreadPercent, timesFloor } = figure;
  const hasRatio = ['P1', 'P1b', 'P2'].includes(id);
  const verdicts: Readonly<Record<Figure['verdict'], string>> = {
    met: 'met',
    missed: '**missed**',
    wrong: '**WRONG COUNTS**',
    'no target': '',
  };
  return [
    id,
    `${TOLD_BEFORE[id] ?? ''}${what}`,
    `${target!.bound} ${valueOf(target!.value, unit)}`.replaceAll(' ', '\u00a0'),
    `**${valueOf(median, unit)}**`,
    spread(figure.spreadPercent),
    hasRatio && timesRowLock !== null ? times(timesRowLock) : '',
    hasRatio ? spread(timesRowLockSpreadPercent) : '',
    ['P1', 'P1b'].includes(id) && timesFloor !== null ? `${(100 * timesFloor).toFixed(0)} %` : '',
    verdicts[verdict],
  ];
}

function failureRow({ name, command, runs, why }: Failure, of: number): string[] {
  return ['', `${name}: \`${command}\` ${why}`, '', '', '', '', '', '', `**FAILED** in ${runs} of ${count(of, 'run')}`];
}

/** One line a miss, with where it is explained: under the heading of the findings that names its id before a colon. */
function misses(aimed: readonly Figure[], findings: string): string {
  const headings = [...findings.matchAll(/^#+ (.+)$/gm)].map(([, text]) => text!);
  return aimed
    .filter(({ verdict }) => verdict === 'missed')
    .map(({ id, what, target, median, unit }) => {
      const heading = headings.find((text) => text.split(':')[0]!.split(', ').includes(id));
      const why = heading === undefined ? 'not explained yet' : `[${heading}](#${slugOf(heading)})`;
      const reached = target!.value === 0 ? '' : `, ${((100 * median) / target!.value).toFixed(0)} % of the target`;
      return `- **${id}, ${what}**: ${valueOf(median, unit)}${reached}; ${why}`;
    })
    .join('\n');
}

function besideTable(figures: readonly Figure[]): string {
  const rows = figures
    .filter(({ id, unit }) => [...compared, 'P1', 'P2'].includes(id) && unit === '/s')
    .toSorted((a, b) => a.median - b.median)
    .map((figure) => {
      const { id, what, median, timesRowLock, measurements } = figure;
      const { details } = measurements[0]!;
      const name = id === 'baseline' ? `${what}: ${details['how'] ?? ''}` : id === 'floor' ? 'the floor' : `**ours, ${id}**: ${what}`;
      return [
        name,
        `**${rounded(median)}**`,
        spread(figure.spreadPercent),
        timesRowLock === null ? '' : times(timesRowLock),
        ...['p50_ms', 'p95_ms', 'p99_ms'].map((percentile) => ms(details[percentile])),
        id === 'baseline' ? String(details['a_power_cut_takes'] ?? '') : 'nothing',
      ];
    });
  const head = ['what', 'reservations/s', 'runs apart by', 'of a row lock', 'p50', 'p95', 'p99', 'a power cut takes'];
  return table(head, ['---', '---:', '---:', '---:', '---:', '---:', '---:', '---'], rows);
}

function details(title: string, figures: readonly Figure[]): string {
  if (figures.length === 0) return '';
  const runs = figures[0]!.values.length;
  const rows = figures.map((figure) => [
    figure.what,
    ...figure.values.map((value) => (value === null ? '' : valueOf(value, figure.unit))),
    `**${valueOf(figure.median, figure.unit)}**`,
    spread(figure.spreadPercent),
    figure.spreadPercent === null ? '' : figure.spreadPercent <= spreadPercentMax ? 'yes' : '**no**',
  ]);
  const head = ['what', ...Array.from({ length: runs }, (_, at) => `run ${at + 1}`), 'median', 'apart by', `within ${spreadPercentMax} %`];
  const besides = figures.map((figure) => `- ${figure.what}: ${detailsText(figure.measurements[0]!)} (\`${figure.command}\`)`).join('\n');
  return folded(
    title,
    `${table(head, ['---', ...head.slice(1).map(() => '---:')], rows)}\n\nBesides, in the measurement nearest to the median:\n\n${besides}`,
  );
}

function detailsText({ details, right }: Measurement): string {
  const parts = Object.entries(details)
    .filter(([name]) => name !== 'how')
    .map(
      ([name, value]) =>
        `${name.replaceAll('_', ' ')} ${typeof value === 'number' ? value.toLocaleString('en-US', { maximumFractionDigits: 2 }) : value}`,
    );
  return [...parts, right ? 'counts right' : '**COUNTS WRONG**'].join(', ');
}

/** What the programs beside the table printed in the newest run. */
function texts({ steps }: RunResult): string[] {
  return steps
    .filter(({ text }) => text.length > 0)
    .map(({ name, command, text }) => folded(name, `\`${command}\`\n\n\`\`\`\n${text.join('\n')}\n\`\`\``));
}

function speeds(runs: readonly RunResult[]): string {
  const rows = runs.flatMap(({ steps }, run) =>
    steps.map(({ name, seconds, speed, waitedSeconds, failed }) => [
      String(run + 1),
      name,
      `${speed.hashMicroseconds.toFixed(2)} us`,
      `${speed.memoryNanoseconds.toFixed(0)} ns`,
      waitedSeconds === 0 ? '' : `${waitedSeconds.toFixed(0)} s`,
      `${seconds.toFixed(0)} s`,
      failed ?? '',
    ]),
  );
  const head = ['run', 'step', 'SHA-256', 'memory', 'waited', 'took', 'failed'];
  return folded(
    'How fast the machine was before each step',
    `The cores of a virtual machine are not equally fast from minute to minute, and its neighbours take memory and caches: a SHA-256 of 600 bytes needs neither, a read from a random place in 128 MiB little else.\n\n${table(head, ['---:', '---', '---:', '---:', '---:', '---:', '---'], rows)}`,
  );
}

function howTo(runs: readonly RunResult[]): string {
  const minutes = Math.max(...runs.map((run) => run.minutes));
  return [
    `\`make bench\` measures all of it on a stack of its own (${minutes.toFixed(0)} minutes on the machine above), adds a file to \`bench/results/\` and writes this page anew from the newest three whole runs of the same commit. \`make bench QUICK=1\` tries every program on a small size, \`ONLY=P1,P3\` measures some, \`LONG=1\` grows a sale to ten million reservations; of these, only the last is taken into the page, and \`ONLY=P4 KEEP=1\`, where one measure was changed after the whole runs, in place of what those had. \`node bench/page.ts\` writes the page from what is stored.`,
    'Loads are open loop: requests leave on their own clock, and latency counts from the instant a request was due. After each measurement what clients were told is counted against PostgreSQL; one that counts wrong has failed, however fast it was. A program alone, on a stack that runs:',
    `\`\`\`sh
make up                                # ONLY=servers for what needs no service
export PATH=$PWD/node_modules/.bin:$PATH
eval "$(node deploy/local/main.ts env)"; export TEST_DATABASE_OWNER_URL=$DATABASE_OWNER_URL
${commandsOf(runs.at(-1)!).join('\n')}
\`\`\``,
  ].join('\n\n');
}

function commandsOf({ steps }: RunResult): string[] {
  return [...new Set(steps.map(({ command }) => command))];
}

function table(head: readonly string[], line: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [row(head), row(line), ...rows.map(row)].join('\n');
}

function folded(title: string, text: string): string {
  return `<details>\n<summary>${title}</summary>\n\n${text}\n\n</details>`;
}

function spread(percent: number | null): string {
  if (percent === null) return '';
  const text = `${percent.toFixed(0)} %`;
  return percent <= spreadPercentMax ? text : `**${text}**`;
}

export function valueOf(value: number, unit: Measurement['unit']): string {
  return unit === '' ? rounded(value) : unit === '/s' ? `${rounded(value)}/s` : `${rounded(value)} ${unit}`;
}

/** Three digits tell enough; of large numbers all are shown. */
function rounded(value: number): string {
  const fraction = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en-US', { maximumFractionDigits: fraction });
}

function times(ratio: number): string {
  return `${ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(ratio >= 2 ? 1 : 2)} x`;
}

function ms(value: Measurement['details'][string] | undefined): string {
  return typeof value === 'number' ? `${value.toFixed(1)}\u00a0ms` : '';
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
