import type { CellResult } from '../chaos/cell.ts';
import { chartOf, type Panel } from './chart.ts';
import type { Growth } from './growth.ts';
import type { Sample, TableSample } from './sample.ts';
import { figures, type Verdict } from './verdict.ts';

export type SoakRun = {
  /** The planned length of the run. */
  readonly minutes: number;
  /** The run goes on: a signal asked for a verdict about the time so far. */
  readonly interim: boolean;
  readonly perSecond: number;
  /** Start of the run in Unix seconds. */
  readonly began: number;
  readonly warmUpSeconds: number;
  readonly samples: readonly Sample[];
  /** Samples that a fault prevented. */
  readonly failedSamples: number;
  readonly results: readonly CellResult[];
  readonly verdict: Verdict;
};

const mebibyte = 1_048_576;
const round = (value: number): string => (Math.abs(value) >= 10 ? value.toFixed(0) : value.toFixed(1));
const amount = (value: number, unit: 'MiB' | ''): string =>
  unit === 'MiB' ? `${round(value / mebibyte)} MiB` : round(value);
const kibibytes = (value: number): string => `${round(value / 1_024)} KiB`;
const word = (passed: boolean): string => (passed ? 'flat' : 'GROWS');
const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

const total =
  (of: (table: TableSample) => number) =>
  (sample: Sample): number =>
    Object.values(sample.tables).reduce((sum, table) => sum + of(table), 0);

const panelsOf = ({ samples }: SoakRun): Panel[] => {
  const sums = [
    { name: 'all tables', unit: 'MiB', of: total(({ tableBytes }) => tableBytes) },
    { name: 'all indexes', unit: 'MiB', of: total(({ indexBytes }) => indexBytes) },
    { name: 'rows of jobs (pgboss)', unit: '', of: (sample: Sample) => sample.tables['pgboss']!.rows },
    { name: 'rows of refresh', unit: '', of: (sample: Sample) => sample.tables['refresh']!.rows },
    { name: 'rows of pricing_job', unit: '', of: (sample: Sample) => sample.tables['pricing_job']!.rows },
  ] as const;
  return [...figures, ...sums].map(({ name, unit, of }) => ({
    title: name,
    unit,
    points: samples.map((sample) => [sample.at, of(sample)] as const),
  }));
};

const renderSvg = (run: SoakRun): string =>
  chartOf(panelsOf(run), {
    seconds: run.samples.at(-1)?.at ?? 1,
    faults: run.results.map(({ window }) => window.injected - run.began),
    warmUp: run.warmUpSeconds,
  });

/** Of the main process, over the whole run. */
const cores = ({ samples }: SoakRun): number => {
  const [first, last] = [samples[0]!, samples.at(-1)!];
  return (last.processorSeconds - first.processorSeconds) / Math.max(1, last.at - first.at);
};

const wholeChecks = ({ results }: SoakRun): number => results.filter(({ passed }) => passed).length;

const summary = (run: SoakRun): string => {
  const { minutes, interim, perSecond, samples, failedSamples, results, warmUpSeconds } = run;
  const soFar = Math.round((samples.at(-1)?.at ?? 0) / 60);
  return (
    `${interim ? 'interim: ' : ''}${soFar} of ${minutes} planned minutes, ${perSecond} steps/s of five kinds of caller and the requests of the faults, ${(cores(run) * 100).toFixed(0)} % of a core in the ` +
    `main process; ${samples.length} samples (${failedSamples} prevented by faults), warm-up ${Math.round(warmUpSeconds / 60)} ` +
    `minutes; ${results.length} faults, ${wholeChecks(run)} of them passed all checks of the chaos matrix`
  );
};

const flatLine = ({ name, median, growth, tolerance, passed }: Growth, unit: 'MiB' | ''): string =>
  `${word(passed)}: ${name}: median ${amount(median, unit)}, growth ${amount(growth, unit)} of at most ${amount(tolerance, unit)}`;

/** What makes a run fail. */
const failureLines = ({ verdict }: SoakRun): string[] => [
  ...verdict.flat.flatMap((each, index) => (each.passed ? [] : [flatLine(each, figures[index]!.unit)])),
  ...verdict.tables.filter(({ passed }) => !passed).map((each) => flatLine(each, 'MiB')),
  ...verdict.retention
    .filter(({ expired, left }) => expired === 0 || left > 0)
    .map(({ table, expired, left }) => `${table}: ${expired} rows were past their time, ${left} are left`),
  ...[...verdict.served.callers, ...verdict.served.steps]
    .filter(({ passed }) => !passed)
    .map(({ name, ok, failed }) => `${name}: ${failed} of ${ok + failed} failed`),
  ...verdict.failedFaults.map((line) => `fault: ${line}`),
];

/** What the command prints. */
export const verdictLines = (run: SoakRun): string[] => {
  const { flat, tables, retention, served, passed } = run.verdict;
  const isFlat = tables.filter((table) => table.passed).length;
  const isRemoved = retention.filter(({ expired, left }) => expired > 0 && left === 0).length;
  return [
    `${passed ? 'PASSED' : 'FAILED'}: ${summary(run)}`,
    ...flat.map((each, index) => `  ${flatLine(each, figures[index]!.unit)}`),
    `  tables: ${isFlat} of ${tables.length} are flat`,
    `  retention: ${isRemoved} of ${retention.length} tables removed each row that was past its time`,
    ...[...served.callers, ...served.steps].map(({ name, ok, failed }) => `  ${name}: ${ok} (${failed} failed)`),
    ...failureLines(run).map((line) => `  failed: ${line}`),
  ];
};

const flatTable = ({ flat, tables }: Verdict): string[] => [
  row(['figure', 'median', 'growth after the warm-up', 'limit', 'verdict']),
  row(['---', '---:', '---:', '---:', '---']),
  ...flat.map(({ name, median, growth, tolerance, passed }, index) => {
    const { unit } = figures[index]!;
    return row([name, amount(median, unit), amount(growth, unit), amount(tolerance, unit), word(passed)]);
  }),
  ...tables
    .toSorted((one, other) => other.growth - one.growth)
    .slice(0, 5)
    .map(({ name, median, growth, tolerance, passed }) =>
      row([`table \`${name}\` with indexes`, kibibytes(median), kibibytes(growth), kibibytes(tolerance), word(passed)]),
    ),
];

const retentionTable = ({ retention }: Verdict): string[] => [
  row(['table', 'rows past their time', 'left at the end']),
  row(['---', '---:', '---:']),
  ...retention.map(({ table, expired, left }) => row([`\`${table}\``, String(expired), String(left)])),
];

const keptTable = ({ kept }: Verdict): string[] => [
  row(['table', 'new rows', 'growth']),
  row(['---', '---:', '---:']),
  ...kept
    .filter(({ rows }) => rows > 0)
    .map(({ table, rows, bytes }) => row([`\`${table}\``, String(rows), kibibytes(bytes)])),
];

/** docs/soak.md */
const renderPage = (run: SoakRun): string =>
  `<!-- Written by \`npm run soak -- --write\`: do not edit. -->
# Soak

\`npm run soak\` runs the service in production mode for an hour with PostgreSQL, a replica, Redis, Toxiproxy and steps of all
kinds of caller of [load.md](load.md), and injects a fault of the [chaos matrix](chaos.md) each minute, one of each dependency in turn. The process is
never replaced. \`MINUTES\` and \`RATE\` change the run; \`reports/soak.html\` has the charts.

Every ten seconds it reads memory, heap, descriptors, connections, keys and the size of each table. Each figure gets a line by the
median of the slopes of all pairs of its points after the warm-up (Theil and Sen), because single points are high or low during a
fault. The growth along that line must be within the limit. At least 70 % of the steps of each kind of caller, and half of each kind
of step, must succeed.

The shortest retention is an hour. So the run ages rows: each minute it puts rows that are past their time into the tables that have
none, and makes rows of the load that are five minutes old look older than their retention. \`RETENTION_SCHEDULE\` and
\`AUTH_CLEANUP_MINUTES\` are one minute. The tables are those of [tables.md](tables.md). Reasons:
[decision 0247](decisions/0247-a-soak-ages-rows.md).

## The last run

${new Date(run.began * 1_000).toISOString().slice(0, 10)}: **${run.verdict.passed ? 'passed' : 'failed'}**. ${summary(run)}.
${failureLines(run)
  .map((line) => `\n- ${line}`)
  .join('')}

![Figures of the run over time](images/soak.svg)

${flatTable(run.verdict).join('\n')}

The other tables grew less than these five.

## Retention

${retentionTable(run.verdict).join('\n')}

## Tables without removal

${keptTable(run.verdict).join('\n')}
`;

const renderHtml = (run: SoakRun): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Soak</title></head>
<body><h1>Soak</h1><pre>${verdictLines(run).join('\n').replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</pre>${renderSvg(run)}</body></html>
`;

/**
 * The text of each file of a report, by path.
 * @param isWritten also the page of the docs, which is never that of an interim report, because a part of a run proves less
 */
export const filesOf = (run: SoakRun, isWritten: boolean): Readonly<Record<string, string>> => ({
  'reports/soak.json': `${JSON.stringify(run, null, 1)}\n`,
  'reports/soak.html': renderHtml(run),
  ...(isWritten && !run.interim ? { 'docs/images/soak.svg': renderSvg(run), 'docs/soak.md': renderPage(run) } : {}),
});
