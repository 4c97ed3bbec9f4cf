import { readFileSync } from 'node:fs';

export type ProcessUsage = {
  /** Milliseconds on a processor since the start of the process, of all its threads. */
  readonly processorMs: number;
  /** Whether its main thread runs or waits for a processor. It does not while it waits for input or is stopped. */
  readonly wantsToRun: boolean;
};

/** Linux counts processor time in ticks of 10 ms. */
const tickMs = 10;

/** @returns undefined if the process has ended, or if the system has no `/proc` */
export const usageOf = (pid: number | undefined): ProcessUsage | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command in parentheses may contain any character. Numbers follow the last parenthesis, except for the state.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return {
      processorMs: (Number(fields[11]) + Number(fields[12])) * tickMs,
      wantsToRun: fields[0] === 'R',
    };
  } catch {
    return undefined;
  }
};
