/** The mutants of a run: `count` mutants from number `from` on, generated from `seed`. */
export type FuzzRun = { readonly seed: number; readonly from: number; readonly count: number };

export type FuzzReport = {
  readonly format: string;
  readonly count: number;
  /** The number of mutants for each outcome: an error code, a status, or priced. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** The time of the slowest mutant. */
  readonly maxMs: number;
  readonly faults: readonly FuzzFault[];
  readonly faultsTotal: number;
};
type FuzzFault = { readonly index: number; readonly reason: string; readonly base64: string };

const shownFaults = 5;
const shownBytes = 3_000;

/** Counts the outcomes of one run and keeps its first faults. */
export const createTally = (format: string) => {
  let outcomes: Record<string, number> = {};
  const faults: FuzzFault[] = [];
  let [count, maxMs, lastMs, faultsTotal] = [0, 0, 0, 0];
  return {
    add: (outcome: string): void => {
      count += 1;
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    },
    took: (milliseconds: number): void => {
      lastMs = milliseconds;
      maxMs = Math.max(maxMs, milliseconds);
    },
    lastMs: () => lastMs,
    fault: (index: number, bytes: Uint8Array, reason: string): void => {
      faultsTotal += 1;
      const base64 = Buffer.from(bytes.subarray(0, shownBytes)).toString('base64');
      if (faults.length < shownFaults) faults.push({ index, reason, base64 });
    },
    /** Removes all counts so far. */
    reset: (): void => {
      outcomes = {};
      [count, maxMs, lastMs, faultsTotal] = [0, 0, 0, 0];
    },
    report: (): FuzzReport => ({ format, count, outcomes, maxMs, faults, faultsTotal }),
  };
};

/** One row of the table that a run prints. */
export const rowOf = (target: string, { format, count, outcomes, maxMs, faultsTotal }: FuzzReport): string => {
  const shown = Object.entries(outcomes)
    .toSorted(([, a], [, b]) => b - a)
    .map(([outcome, times]) => `${outcome} ${times}`);
  return `| ${[format, target, count, shown.join(', '), maxMs.toFixed(1), faultsTotal].join(' | ')} |`;
};
export const tableHead =
  '| format | target | mutants | outcomes | max ms | faults |\n| --- | --- | --- | --- | --- | --- |';
