import type { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import type { SentFrame } from './channel/frame-writer.ts';
import type { FairQueue, Waiting } from './fair-queue.ts';
import type { TaskHead, TaskSummary, WorkerReply, WorkerSpan, WorkLimits } from './protocol.ts';

/** The part of a pool task that a lane uses. */
export type LaneTask = Waiting & {
  readonly head: TaskHead;
  readonly body: ByteBlocks;
  /** The limits are different in each lane. */
  limits: WorkLimits;
  summary?: TaskSummary;
  /** How often a process ended while it had this task and others. */
  losses: number;
  /** One of the tasks of a process that ended may be the cause, so each of them runs without others the next time. */
  runsAlone: boolean;
  /** Set again when the task goes to another lane, because its work is known by then. */
  expectedMs: number;
  /** A row may take very much longer than expected. */
  readonly isUncertain: boolean;
  readonly replied: (reply: WorkerReply, span: WorkerSpan, body: readonly Uint8Array[]) => void;
  /** The process ended before it replied. */
  readonly lost: (why: 'ended' | 'stalled') => void;
};

/** A task that a process has. */
export type OpenTask = {
  readonly task: LaneTask;
  /** The message with the task, which may still be on its way. */
  readonly frame: SentFrame;
  /** The process had done little work when it got the task. */
  readonly isCold: boolean;
  isStarted: boolean;
  isCancelled: boolean;
  workedMs: number;
  /** The time that the queue has counted for the caller. */
  countedMs: number;
};

export const rowMsOf = ({ summary }: LaneTask): number => summary?.maxRowMs ?? 0;
/** Max body and max work of a brief task. A batch of 1,000 options has 100 KB and takes about 10 ms. */
const briefBytes = 256 * 2 ** 10;
export const briefMs = 100;
/**
 * The code of a new process is slow for about this time, because it is not compiled yet. What a task takes beyond its
 * estimate then is not the fault of its caller.
 */
export const coldMs = 500;
export const isBrief = ({ bytes, expectedMs, isUncertain, summary }: LaneTask): boolean =>
  !isUncertain && bytes <= briefBytes && Math.max(expectedMs, summary?.totalMs ?? 0) <= briefMs;

/** Whether an open task takes a place for large tasks, because of its estimate or of the time that it took. */
export const isLarge = ({ task, workedMs }: OpenTask): boolean => !isBrief(task) || workedMs > briefMs;

/** Max open tasks of one process, which runs them in turns. A caller has at most one of them; its other tasks wait. */
export type Places = {
  readonly all: number;
  /** For tasks that are not brief. The other places are for brief tasks, so that these do not wait until a large one ends. */
  readonly large: number;
  /** For chunks of jobs, which can take minutes, so that a client who waits for a batch does not wait for their end. */
  readonly jobs: number;
};

/** Whether a process with these open tasks may get the task too. */
export const fits = (task: LaneTask, opened: readonly OpenTask[], places: Places): boolean =>
  (isBrief(task) || opened.filter(isLarge).length < places.large) &&
  (task.kind !== 'job' || opened.filter((each) => each.task.kind === 'job').length < places.jobs) &&
  opened.every((each) => each.task.caller !== task.caller);

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
    expect,
    worked: (opened: OpenTask, milliseconds: number): void => {
      const before = Math.min(opened.workedMs, opened.countedMs);
      opened.workedMs += milliseconds;
      if (!opened.isCold) expect(opened, opened.workedMs);
      // Time that no caller is charged for does not pass.
      queue.pass(Math.min(opened.workedMs, opened.countedMs) - before, openTasks());
    },
    /** A task that took less time than expected, or was lost, counts with the time that it took. */
    ended: (opened: OpenTask): void => queue.charge(opened.task, Math.min(0, opened.workedMs - opened.countedMs)),
  };
};
