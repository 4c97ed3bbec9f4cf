import { readdirSync, readFileSync } from 'node:fs';

export const mebibyte = 1_048_576;

/** Linux counts processor time in ticks of 10 ms. */
const ticksPerSecond = 100;

export type ProcessStat = {
  /** The id of the parent. */
  readonly parent: number;
  /** Processor time of all threads since the start. */
  readonly processorSeconds: number;
};

/** @throws Error if the process has ended */
export const statOf = (pid: number): ProcessStat => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The command in parentheses may contain any character. Only numbers follow the last parenthesis.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    parent: Number(fields[1]),
    processorSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
  };
};

/** All processes of the machine by id. */
export const allStats = (): ReadonlyMap<number, ProcessStat> => {
  const found = new Map<number, ProcessStat>();
  for (const name of readdirSync('/proc').filter((each) => /^\d+$/.test(each))) {
    try {
      found.set(Number(name), statOf(Number(name)));
    } catch {
      // The process has ended in the meantime.
    }
  }
  return found;
};

/** Ids of the processes that the main thread of the process has started. @throws Error if the process has ended */
export const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);

/**
 * @param field `VmRSS` is the resident memory now, `VmHWM` its max since the start, `VmData` the private writable memory
 * @returns 0 for a process without memory: it has ended, and its parent has not asked for its status
 * @throws Error if the process has ended
 */
export const memoryBytesOf = (pid: number, field: 'VmRSS' | 'VmHWM' | 'VmData' = 'VmRSS'): number =>
  Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) *
  1_024;
