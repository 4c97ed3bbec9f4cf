import { readdirSync, readFileSync } from 'node:fs';

export const mebibyte = 1_048_576;

/** Parent of every process that can be read now. */
const parents = (): ReadonlyMap<number, number> => {
  const found = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      // The command in parentheses may hold anything: what follows its end is numbers.
      found.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
};

/** The kernel divides each shared page among the processes that map it (`Pss`), so a sum counts it once. */
const residentBytesOf = (pid: number): number => {
  try {
    return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1] ?? 0) * 1_024;
  } catch {
    // It has ended meanwhile.
    return 0;
  }
};

/** Resident bytes of a process and of all its descendants: of the service and its pricing processes. */
export const residentTreeBytes = (root: number): number => {
  const tree = new Set([root]);
  const all = parents();
  for (let size = 0; size !== tree.size;) {
    size = tree.size;
    for (const [pid, parent] of all) if (tree.has(parent)) tree.add(pid);
  }
  return [...tree].reduce((sum, pid) => sum + residentBytesOf(pid), 0);
};

export type MemoryWatch = {
  /** Since the start or the last call. */
  readonly takeMaxBytes: () => number;
  readonly stop: () => void;
};

/**
 * Looks at the resident memory of a process tree four times a second.
 * @param beyond called when it is above `guardBytes`: the machine is not to suffer with the service
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
