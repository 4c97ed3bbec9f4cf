import type { FairQueue } from '../fair-queue.ts';
import type { TaskSummary } from '../protocol.ts';
import type { LaneTask, OpenTask } from './lane-task.ts';

/**
 * The code of a new process is slow for about this time, because it is not compiled yet. What a task takes beyond its
 * estimate then is not the fault of its caller.
 */
export const coldMs = 500;

/** A batch of 1,000 options takes about 10 ms, and its answer of 150 KB counts as 7.5 ms more. */
const answerBytesPerMs = 20_000;

/** Counts the time of open tasks for their callers, in the order of `queue`. */
export const createTaskTimes = (
  queue: Pick<FairQueue<LaneTask>, 'charge' | 'pass'>,
  openTasks: () => Iterable<LaneTask>,
) => {
  /** Counts time beyond the counted one at once, so that a caller does not start more such tasks meanwhile. */
  const expect = (opened: OpenTask, milliseconds: number): void => {
    const excessMs = milliseconds - opened.countedMs;
    if (excessMs <= 0) return;
    queue.charge(opened.task, excessMs);
    opened.countedMs += excessMs;
  };
  return {
    /** The work and the bytes of the answer are known. */
    opened: (opened: OpenTask, { totalMs, answerBytes }: Pick<TaskSummary, 'totalMs' | 'answerBytes'>): void =>
      expect(opened, totalMs + answerBytes / answerBytesPerMs),
    worked: (opened: OpenTask, milliseconds: number): void => {
      const before = Math.min(opened.workedMs, opened.countedMs);
      opened.workedMs += milliseconds;
      if (!opened.isCold) expect(opened, opened.workedMs);
      // Time that no caller is charged for does not pass.
      queue.pass(Math.min(opened.workedMs, opened.countedMs) - before, openTasks());
    },
    /** The bytes of an answer take time of the event loop of the service, and those of others wait meanwhile. */
    answered: (opened: OpenTask, bytes: number): void => queue.charge(opened.task, bytes / answerBytesPerMs),
    /** A task that took less time than expected, or was lost, counts with the time that it took. */
    ended: (opened: OpenTask): void => queue.charge(opened.task, Math.min(0, opened.workedMs - opened.countedMs)),
  };
};
