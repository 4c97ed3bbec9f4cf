import { readdirSync, readFileSync } from 'node:fs';

export type ProcessUsage = {
  /** Milliseconds on a processor since the start of the process, of all its threads. */
  readonly processorMs: number;
  /**
   * Whether one of its threads runs or waits for a processor. None does while the process waits for input or is stopped. In a long garbage collection
   * the main thread waits for helper threads, which wait for a processor.
   */
  readonly wantsToRun: boolean;
};

/** Linux counts processor time in ticks of 10 ms. */
const tickMs = 10;

/** The command in parentheses may contain any character. Numbers follow the last parenthesis, except for the state. */
const fieldsOf = (path: string): string[] => {
  const stat = readFileSync(path, 'latin1');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
};
const isRunning = (thread: string): boolean => {
  try {
    return fieldsOf(thread)[0] === 'R';
  } catch {
    // It has ended meanwhile.
    return false;
  }
};

/** @returns undefined if the process has ended, or if the system has no `/proc` */
export const usageOf = (pid: number | undefined): ProcessUsage | undefined => {
  try {
    const process = `/proc/${pid}`;
    const fields = fieldsOf(`${process}/stat`);
    return {
      processorMs: (Number(fields[11]) + Number(fields[12])) * tickMs,
      wantsToRun:
        fields[0] === 'R' ||
        readdirSync(`${process}/task`).some((thread) => isRunning(`${process}/task/${thread}/stat`)),
    };
  } catch {
    return undefined;
  }
};
