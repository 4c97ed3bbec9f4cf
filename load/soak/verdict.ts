import type { CellResult } from '../chaos/cell.ts';
import { judgeGrowth, type Growth, type Point } from './growth.ts';
import { keptTables } from './retention.ts';
import type { Sample, TableSample } from './sample.ts';
import { judgeServed, type ServedVerdict } from './served.ts';
import type { Traffic } from './traffic.ts';

const mebibyte = 1_048_576;

type Figure = {
  readonly name: string;
  readonly unit: 'MiB' | '';
  /** Max growth from the end of the warm-up to the end of the run. */
  readonly tolerance: number;
  readonly of: (sample: Sample) => number;
};

/** What must stay flat, beside the tables. */
export const figures: readonly Figure[] = [
  { name: 'memory of the main process', unit: 'MiB', tolerance: 32 * mebibyte, of: ({ mainBytes }) => mainBytes },
  { name: 'heap of the main process', unit: 'MiB', tolerance: 16 * mebibyte, of: ({ heapBytes }) => heapBytes },
  { name: 'memory of the pricing processes', unit: 'MiB', tolerance: 32 * mebibyte, of: (each) => each.pricingBytes },
  { name: 'open file descriptors', unit: '', tolerance: 8, of: ({ openFiles }) => openFiles },
  { name: 'connections to PostgreSQL', unit: '', tolerance: 3, of: ({ connections }) => connections },
  { name: 'keys in Redis', unit: '', tolerance: 50, of: ({ redisKeys }) => redisKeys },
  { name: 'memory of Redis', unit: 'MiB', tolerance: mebibyte, of: ({ redisBytes }) => redisBytes },
];

/** For the table and its indexes. Dead rows stay until the next vacuum, which PostgreSQL starts once a minute. */
const tableTolerance = mebibyte / 2;

const pointsOf = (samples: readonly Sample[], of: (sample: Sample) => number): Point[] =>
  samples.map((sample) => [sample.at, of(sample)]);

const bytesOf = ({ tableBytes, indexBytes }: TableSample): number => tableBytes + indexBytes;

export type RetentionResult = {
  readonly table: string;
  /** Rows that were past their time during the run, because the run put or aged them. */
  readonly expired: number;
  /** Those that are still there at the end. */
  readonly left: number;
};

export type Verdict = {
  readonly flat: readonly Growth[];
  readonly tables: readonly Growth[];
  /** Tables without removal: rows of the whole run. */
  readonly kept: readonly { readonly table: string; readonly rows: number; readonly bytes: number }[];
  readonly retention: readonly RetentionResult[];
  /** Steps of the load. */
  readonly served: ServedVerdict;
  readonly failedFaults: readonly string[];
  readonly passed: boolean;
};

/**
 * The checks of a cell that decide here: the fault was real, the process and its data survived it, and the service
 * recovered. How fast it answered meanwhile is judged by the chaos matrix, on a machine without this load.
 */
const decisive = new Set(['the fault had an effect', 'one committed state', 'the process lives', 'recovery']);

const failuresOf = ({ group, name, checks }: CellResult): string[] =>
  checks
    .filter((check) => !check.passed && decisive.has(check.name))
    .map((check) => `${group} / ${name}: ${check.name}: ${check.detail}`);

export type Judged = {
  readonly samples: readonly Sample[];
  readonly results: readonly CellResult[];
  readonly retention: readonly RetentionResult[];
  readonly steps: Traffic['counts'];
  /** Seconds at the start that do not count. */
  readonly warmUp: number;
};

export const judge = ({ samples, results, retention, steps, warmUp }: Judged): Verdict => {
  const flat = figures.map(({ name, tolerance, of }) =>
    judgeGrowth(name, pointsOf(samples, of), { warmUp, tolerance }),
  );
  const [first, last] = [samples[0]!, samples.at(-1)!];
  const kept = keptTables();
  const tables = Object.keys(last.tables)
    .filter((name) => !kept.includes(name))
    .map((name) =>
      judgeGrowth(
        name,
        pointsOf(samples, (sample) => bytesOf(sample.tables[name]!)),
        { warmUp, tolerance: tableTolerance },
      ),
    );
  const failedFaults = results.flatMap(failuresOf);
  const served = judgeServed(steps);
  return {
    flat,
    tables,
    kept: kept.map((table) => ({
      table,
      rows: last.tables[table]!.rows - first.tables[table]!.rows,
      bytes: bytesOf(last.tables[table]!) - bytesOf(first.tables[table]!),
    })),
    retention,
    served,
    failedFaults,
    passed:
      [...served.callers, ...served.steps, ...flat, ...tables].every(({ passed }) => passed) &&
      retention.every(({ expired, left }) => expired > 0 && left === 0) &&
      results.length > 0 &&
      failedFaults.length === 0,
  };
};
