import { readFileSync } from 'node:fs';
import { allStats } from '#testkit/measures/processes.ts';

/**
 * The resident memory of one process. `Pss` divides each shared page among the processes that map it, so a sum counts
 * each page once.
 */
const residentBytesOf = (pid: number): number => {
  try {
    return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1] ?? 0) * 1_024;
  } catch {
    // The process has ended in the meantime.
    return 0;
  }
};

/** Resident bytes of a process, and those of each of its descendants: the service and its pricing processes. */
export type ResidentTree = { readonly root: number; readonly descendants: readonly number[] };

export const residentTree = (root: number): ResidentTree => {
  const tree = new Set([root]);
  const all = allStats();
  for (let size = 0; size !== tree.size;) {
    size = tree.size;
    for (const [pid, { parent }] of all) if (tree.has(parent)) tree.add(pid);
  }
  const descendants = [...tree].filter((pid) => pid !== root).map(residentBytesOf);
  return { root: residentBytesOf(root), descendants: descendants.toSorted((a, b) => b - a) };
};

export const totalOf = ({ root, descendants }: ResidentTree): number =>
  descendants.reduce((sum, bytes) => sum + bytes, root);

export const residentTreeBytes = (root: number): number => totalOf(residentTree(root));

export type MemoryWatch = {
  /** The maximum since the start or since the last call. */
  readonly takeMaxBytes: () => number;
  readonly stop: () => void;
};

/**
 * Samples the resident memory of a process tree four times per second.
 * @param beyond called when the memory is above `guardBytes`, so that the service can be ended before the machine runs
 * out of memory
 */
export const watchMemory = (pid: () => number, guardBytes: number, beyond: () => void): MemoryWatch => {
  let max = 0;
  const look = (): void => {
    const now = residentTreeBytes(pid());
    max = Math.max(max, now);
    if (now > guardBytes) beyond();
  };
  const timer = setInterval(look, 250);
  return {
    takeMaxBytes: () => {
      look();
      const before = max;
      max = 0;
      return before;
    },
    stop: () => clearInterval(timer),
  };
};
