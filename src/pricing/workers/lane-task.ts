import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import type { SentFrame } from './channel/frame-writer.ts';
import type { FairQueue, Waiting, WorkKind } from './fair-queue.ts';
import {
  jobRounds,
  type TaskHead,
  type TaskSummary,
  type WorkerReply,
  type WorkerSpan,
  type WorkLimits,
} from './protocol.ts';

/** The part of a pool task that a lane uses. */
export type LaneTask = Waiting & {
  readonly head: TaskHead;
  readonly body: ByteBlocks;
  /** See `parsedBytesOf`. */
  readonly parsedBytes: number;
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
/**
 * Time for a process with these tasks to end one that is cancelled. A row cannot be interrupted, and each task has one in a turn. Tasks that
 * come later can have rows as slow as the slowest one of now.
 */
export const cancelTime = (
  cancelGraceMs: number,
  opened: Iterable<Pick<OpenTask, 'task'>>,
  { all }: Pick<Places, 'all'>,
): number => cancelGraceMs + 2 * all * Math.max(0, ...[...opened].map(({ task }) => rowMsOf(task)));
/** Max body and max work of a brief task. A batch of 1,000 options has 100 KB and takes about 10 ms. */
const briefBytes = 256 * 2 ** 10;
export const briefMs = 100;
/**
 * Max bytes of the answer of a brief batch. A busy service takes about 200 KB of it in a turn of its event loop, and the task keeps its place
 * until then.
 */
const briefAnswerBytes = 400_000;
/** Whether the answer of a task is so long that the task takes a place for large ones. */
export const hasLongAnswer = (summary: Pick<TaskSummary, 'answerBytes'> | undefined): boolean =>
  summary !== undefined && summary.answerBytes > briefAnswerBytes;

/** A task that a process has returned with the counted bytes of its answer is opened again, with the estimated ones. */
export const withKnownAnswer = (summary: TaskSummary, before: TaskSummary | undefined): TaskSummary => ({
  ...summary,
  answerBytes: Math.max(summary.answerBytes, before?.answerBytes ?? 0),
});

/**
 * The code of a new process is slow for about this time, because it is not compiled yet. What a task takes beyond its
 * estimate then is not the fault of its caller.
 */
export const coldMs = 500;
export const isBrief = ({ bytes, expectedMs, isUncertain, summary }: LaneTask): boolean =>
  !isUncertain &&
  bytes <= briefBytes &&
  !hasLongAnswer(summary) &&
  Math.max(expectedMs, summary?.totalMs ?? 0) <= briefMs;

/** Whether an open task takes a place for large tasks, because of its estimate or of the time that it took. */
export const isLarge = ({ task, workedMs }: OpenTask): boolean => !isBrief(task) || workedMs > briefMs;

/** Work of a process of this lane; `short` is brief, and `long` may take as long as a request. */
export type LaneName = 'short' | 'medium' | 'long';
/** The max work of the lane for medium work, as a multiple of that for short work. */
const mediumFactor = 10;

/**
 * The lane for work of this duration, whose slowest row takes `maxRowMs`. Chunks of jobs never run beside short work. A row cannot be interrupted,
 * and the other tasks of its process wait for it in each turn, so a slow one does not run beside medium work.
 */
export const laneFor = (kind: WorkKind, expectedMs: number, maxRowMs: number, shortWorkMs: number): LaneName => {
  if (expectedMs > mediumFactor * shortWorkMs || maxRowMs > shortWorkMs) return 'long';
  return kind === 'job' || expectedMs > shortWorkMs ? 'medium' : 'short';
};

export const limitsIn = (lane: LaneName, maxMs: number, shortWorkMs: number): WorkLimits => {
  if (lane === 'long') return { maxMs };
  if (lane === 'medium') return { maxMs, handBackMs: mediumFactor * shortWorkMs };
  return { maxMs, handBackMs: shortWorkMs, keepsEstimate: true };
};

/** Whether a process has returned a task of the short lane because of its long answer alone. Then it waits for a place for large tasks there. */
export const isReturnedByAnswer = (
  { lane, limits, summary }: LaneTask & { readonly lane: LaneName },
  shortWorkMs: number,
): boolean =>
  lane === 'short' && limits.isForBrief === true && hasLongAnswer(summary) && (summary?.totalMs ?? 0) <= shortWorkMs;

/**
 * The first limits of a task. The work of a small chunk of a job is known when a process has opened it. If it is not brief, the process
 * returns it, so that `refusalOf` decides whether it gets a place. A large chunk is not brief, so it is not read twice. A batch that looks brief and has
 * a long answer is returned too, because otherwise many of them would have the places for brief ones.
 */
export const firstLimitsIn = (
  lane: LaneName,
  { kind, expectedMs, bytes }: Pick<LaneTask, 'kind' | 'expectedMs' | 'bytes'>,
  maxMs: number,
  shortWorkMs: number,
): WorkLimits => {
  const looksBrief = bytes <= briefBytes && expectedMs <= briefMs;
  if (kind === 'job' && looksBrief) return { maxMs, handBackMs: briefMs, keepsEstimate: true };
  return { ...limitsIn(lane, maxMs, shortWorkMs), ...(lane === 'short' && looksBrief && { isForBrief: true }) };
};

/** The lane for a task that a process has returned, and whose work is known now. */
export const laneOfReturned = (task: LaneTask & { readonly lane: LaneName }, shortWorkMs: number): LaneName => {
  const { kind, lane, limits, expectedMs } = task;
  const wasFirst = lane === 'short' || limits.handBackMs === briefMs;
  return wasFirst && laneFor(kind, expectedMs, rowMsOf(task), shortWorkMs) !== 'long' ? 'medium' : 'long';
};

/** How much an open task slows others down: a chunk of a job gets a turn in each fourth round. */
const weightOf = ({ kind }: Pick<LaneTask, 'kind'>): number => (kind === 'job' ? 1 / jobRounds : 1);

/** Max open tasks of one process, which runs them in turns. A caller has at most one of them; its other tasks wait. */
export type Places = {
  readonly all: number;
  /** For tasks that are not brief. The other places are for brief tasks, so that these do not wait until a large one ends. */
  readonly large: number;
  /** For chunks of jobs that are not brief: they can take minutes, and a client who waits for a batch must not wait for their end. */
  readonly jobs: number;
};

/** Whether the task is a chunk of a job that is not brief. */
export const isLargeJob = (task: LaneTask): boolean => task.kind === 'job' && !isBrief(task);

/** Columns of Arrow are used where they are, and the memory of their texts has a max, so a stream takes less memory than JSON of its size. */
const shareOfArrow = 0.25;

/** The bytes that count for the memory of a body in a pricing process: those of a JSON text, and a quarter of those of an Arrow stream. */
export const parsedBytesOf = (input: string, bytes: number): number => {
  if (input === 'json') return bytes;
  return input === 'arrow' ? bytes * shareOfArrow : 0;
};

/**
 * Max `parsedBytes` of the tasks that a process has at the same time, without small ones. A parsed text takes up to ten times its bytes. A larger
 * one is alone.
 */
const maxParsedBytes = 12 * 2 ** 20;
const isSmallText = ({ parsedBytes }: LaneTask): boolean => parsedBytes <= briefBytes;

const hasRoom = (task: LaneTask, opened: readonly OpenTask[]): boolean => {
  const others = opened.reduce((sum, each) => sum + (isSmallText(each.task) ? 0 : each.task.parsedBytes), 0);
  return isSmallText(task) || others === 0 || others + task.parsedBytes <= maxParsedBytes;
};

/** Whether a process with these open tasks may get the task too. */
export const fits = (task: LaneTask, opened: readonly OpenTask[], places: Places): boolean =>
  (isBrief(task) || opened.filter(isLarge).length < places.large) &&
  (!isLargeJob(task) || opened.filter((each) => each.task.kind === 'job' && isLarge(each)).length < places.jobs) &&
  opened.every((each) => each.task.caller !== task.caller) &&
  // One network can have many callers, and must not have all places.
  (task.network === undefined || opened.filter((each) => each.task.network === task.network).length < places.all / 2);

/**
 * Takes the next task of the queue that a process with these open tasks may get. When the first large text has no room, no other large
 * one comes before it, because it could wait for ever.
 */
export const takeNext = (
  queue: Pick<FairQueue<LaneTask>, 'first' | 'take'>,
  opened: readonly OpenTask[],
  places: Places,
): LaneTask | undefined => {
  const mayTake = (task: LaneTask): boolean => fits(task, opened, places);
  const largeText = queue.first((task) => !isSmallText(task) && mayTake(task));
  const isFull = largeText !== undefined && !hasRoom(largeText, opened);
  return queue.take((task) => mayTake(task) && !(isFull && !isSmallText(task)));
};

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

const keptBytes = 100 * 2 ** 20;
/**
 * Most places of a process for short work are kept for small batches and single options. They are many, because on a busy host a task waits longer for its
 * turn on the way to the process and back than for the processor. Chunks of jobs leave places for
 * work that somebody waits for. The event loop of the service comes first, because each request needs it, and short work
 * comes before long work. A process for medium work keeps a place for brief chunks of jobs. When all processors are busy, a process with niceness 5 gets a third of the time of one with 0, and with 13 an 18th. An
 * idle process for long work ends, because such work is rare, and the start of a process is short beside it.
 */
export const laneSettings = {
  short: { places: { all: 8, large: 2, jobs: 0 }, niceness: 5, keptBytes },
  medium: { places: { all: 4, large: 3, jobs: 2 }, niceness: 13, keptBytes },
  long: { places: { all: 4, large: 4, jobs: 3 }, niceness: 15, keptBytes: 0 },
} as const;

/** Why a task takes no place now. Undefined: it takes one, or waits for one in the queue of its lane. */
export type RefusalDeps = {
  /** That of the lane for long work. */
  readonly minLoad: (weight: (task: LaneTask) => number) => number;
  /** The large chunks of jobs that the lane for medium work has, waiting or open. */
  readonly mediumJobs: ReadonlySet<unknown>;
  /** The number of processes of that lane. */
  readonly processes: number;
};

/**
 * Large chunks of jobs in the lane for medium work, as a multiple of their places: one waits for each that runs. The other places of the
 * queue of jobs stay free for brief chunks.
 */
const mediumJobsFactor = 2;

const noPlaceForJob = (): AppError => new AppError('overloaded', 'Other chunks take all places', { retryAfter: 1 });

/**
 * A chunk of a job that is not brief takes a place or none: it is tried again later, and small chunks need its place in the queue of
 * jobs. Long work that would not end in time beside the other work takes no place, because it would be for nothing.
 */
export const refusalOf = (
  task: LaneTask & { readonly lane: LaneName },
  { minLoad, mediumJobs, processes }: RefusalDeps,
): AppError | undefined => {
  const { kind, lane, expectedMs, limits } = task;
  if (lane === 'medium') {
    const isFull =
      isLargeJob(task) && mediumJobs.size >= processes * laneSettings.medium.places.jobs * mediumJobsFactor;
    return isFull ? noPlaceForJob() : undefined;
  }
  if (lane === 'short') return undefined;
  if (kind === 'job') {
    const jobs = minLoad((other) => Number(other.kind === 'job'));
    return jobs < laneSettings.long.places.jobs ? undefined : noPlaceForJob();
  }
  if (expectedMs * (1 + minLoad(weightOf)) <= limits.maxMs) return undefined;
  const detail = 'The work does not end in time beside the other long work: try again later, or send smaller parts';
  return new AppError('overloaded', detail, { retryAfter: 5 });
};
