import type { CallerUsage } from './caller-usage.ts';

const workKinds = ['single', 'batch', 'job'] as const;
/** In order of priority. A client waits for a single option; a job runs only when no other work waits. */
export type WorkKind = (typeof workKinds)[number];

export type Waiting = { readonly caller: string; readonly kind: WorkKind; readonly bytes: number };

export type FairQueue<T extends Waiting> = {
  /**
   * Adds a task. In a full queue it replaces a task of a caller that has used or queued more.
   * @returns the tasks that lost their place: other tasks, or the new task itself
   */
  readonly add: (task: T) => T[];
  /** Removes and returns the next one of the tasks that are `eligible`. */
  readonly take: (eligible?: (task: T) => boolean) => T | undefined;
  readonly remove: (task: T) => boolean;
  /** Whether a waiting task fits `condition`. */
  readonly has: (condition: (task: T) => boolean) => boolean;
  readonly size: () => number;
};

export type FairQueueOptions = {
  readonly maxTasks: number;
  /** Max bytes of the bodies of all waiting tasks. */
  readonly maxBytes: number;
  readonly usage: CallerUsage;
};

const unitMs = 100;

/**
 * A queue that shares worker time fairly. The next task is one of the caller with the least recent worker time. If the
 * times are about equal, single options come before batches, then small bodies before large ones, then early tasks
 * before late ones.
 */
export const createFairQueue = <T extends Waiting>({ maxTasks, maxBytes, usage }: FairQueueOptions): FairQueue<T> => {
  const tasks: T[] = [];
  let bytes = 0;

  /** Usage in steps of a factor of two, so that small differences do not change the order. */
  const level = ({ caller, kind }: T): number =>
    (kind === 'job' ? 1_000 : 0) + Math.floor(Math.log2(1 + usage.of(caller) / unitMs));
  const size = ({ bytes: length }: T): number => Math.floor(Math.log2(1 + length / 65_536));
  const compare = (a: T, b: T): number =>
    level(a) - level(b) || workKinds.indexOf(a.kind) - workKinds.indexOf(b.kind) || size(a) - size(b);

  const remove = (task: T): boolean => {
    const index = tasks.indexOf(task);
    if (index < 0) return false;
    tasks.splice(index, 1);
    bytes -= task.bytes;
    return true;
  };
  const countOf = (caller: string): number => tasks.filter((task) => task.caller === caller).length;

  /**
   * The task to replace in a full queue: the last one in the order. Among equal tasks, it is one of the caller with the
   * most tasks, and of these the newest.
   */
  const worst = (): T => {
    const counts = new Map<string, number>();
    for (const { caller } of tasks) counts.set(caller, (counts.get(caller) ?? 0) + 1);
    return tasks.reduce((last, task) => {
      const order = compare(last, task) || counts.get(last.caller)! - counts.get(task.caller)!;
      return order <= 0 ? task : last;
    });
  };
  const isFull = (): boolean => tasks.length > maxTasks || bytes > maxBytes;
  const deserves = (task: T, other: T): boolean =>
    task.caller !== other.caller &&
    (compare(task, other) < 0 || (compare(task, other) === 0 && countOf(task.caller) < countOf(other.caller) - 1));

  return {
    add: (task) => {
      const displaced: T[] = [];
      tasks.push(task);
      bytes += task.bytes;
      while (isFull()) {
        remove(task);
        const other = tasks.length > 0 ? worst() : undefined;
        if (other === undefined || !deserves(task, other)) return [...displaced, task];
        remove(other);
        displaced.push(other);
        tasks.push(task);
        bytes += task.bytes;
      }
      return displaced;
    },
    take: (eligible = () => true) => {
      const candidates = tasks.filter(eligible);
      if (candidates.length === 0) return undefined;
      const next = candidates.reduce((first, task) => (compare(task, first) < 0 ? task : first));
      remove(next);
      return next;
    },
    remove,
    has: (condition) => tasks.some(condition),
    size: () => tasks.length,
  };
};
