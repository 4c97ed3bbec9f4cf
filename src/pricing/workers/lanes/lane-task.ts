import type { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import type { SentFrame } from '../channel/frame-writer.ts';
import type { FairQueue, Waiting } from '../fair-queue.ts';
import type { LargeTextTurn } from './large-texts.ts';
import { maxParsedBytes, smallTextBytes } from './text-bytes.ts';
import { type TaskHead, type TaskSummary, type WorkerReply, type WorkerSpan, type WorkLimits } from '../protocol.ts';

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
  /** Expected time of the slowest row, if it is known before a process has read the body; else 0. */
  readonly expectedRowMs: number;
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
  /** Ends the count of the answer that is arriving. */
  arrived?: () => void;
};

/** Time of the slowest row. */
export const rowMsOf = ({ summary, expectedRowMs }: Pick<LaneTask, 'summary' | 'expectedRowMs'>): number =>
  summary?.maxRowMs ?? expectedRowMs;
/**
 * Time for a process with these tasks to end one that is cancelled. A row cannot be interrupted, and each task has one in a turn. Tasks that
 * come later can have rows as slow as the slowest one of now.
 * @param maxTurnMs the longest turn that the process has measured, because the rows of any task can be slower than their estimates
 */
export const cancelTime = (
  cancelGraceMs: number,
  opened: Iterable<Pick<OpenTask, 'task'>>,
  { all }: Pick<Places, 'all'>,
  maxTurnMs: number,
): number => cancelGraceMs + 2 * all * Math.max(maxTurnMs, ...[...opened].map(({ task }) => rowMsOf(task)));
/** Max body and max work of a brief task. A batch of 1,000 options has 100 KB and takes about 10 ms. */
const briefBytes = smallTextBytes;
export const briefMs = 100;
/**
 * Max time of a row of a brief task. A row cannot be interrupted, so all tasks of the process wait for one row of each other task in
 * each round, and a batch of 1,000 options needs about three rounds.
 */
const briefRowMs = 20;
/**
 * Max bytes of the answer of a brief batch. A busy service takes about 200 KB of it in a turn of its event loop, and the task keeps its place
 * until then. 1,000 objects with the default greeks, dates and ids have 500 KB.
 */
const briefAnswerBytes = 512 * 2 ** 10;
/** Whether the answer of a task is so long that the task takes a place for large ones. */
export const hasLongAnswer = (summary: Pick<TaskSummary, 'answerBytes'> | undefined): boolean =>
  summary !== undefined && summary.answerBytes > briefAnswerBytes;

/** Whether a batch that looked brief takes a place for large ones when it is read. Callers of uncertain estimates are not remembered. */
export const needsLargePlace = (
  summary: Pick<TaskSummary, 'answerBytes' | 'isUncertain' | 'maxRowMs'> | undefined,
): boolean => hasLongAnswer(summary) || summary?.isUncertain === true || (summary?.maxRowMs ?? 0) > briefRowMs;

/** Whether a process returns a task whose estimate is known, because its work needs another place. */
export const isReturnedFor = (
  summary: TaskSummary,
  { handBackMs = Infinity, handBackRowMs = Infinity, isForBrief }: WorkLimits,
): boolean =>
  summary.totalMs > handBackMs || summary.maxRowMs > handBackRowMs || (isForBrief === true && needsLargePlace(summary));

/** Whether the task is brief by what is known before a process has read it. */
export const looksBrief = ({
  bytes,
  expectedMs,
  expectedRowMs,
  isUncertain,
}: Pick<LaneTask, 'bytes' | 'expectedMs' | 'expectedRowMs' | 'isUncertain'>): boolean =>
  !isUncertain && bytes <= briefBytes && expectedMs <= briefMs && expectedRowMs <= briefRowMs;

/** A task that a process has returned with the counted bytes of its answer is opened again, with the estimated ones. */
export const withKnownAnswer = (summary: TaskSummary, before: TaskSummary | undefined): TaskSummary => ({
  ...summary,
  answerBytes: Math.max(summary.answerBytes, before?.answerBytes ?? 0),
});

export const isBrief = (task: LaneTask): boolean =>
  looksBrief(task) && !needsLargePlace(task.summary) && (task.summary?.totalMs ?? 0) <= briefMs;

/** Whether an open task takes a place for large tasks, because of its estimate or of the time that it took. */
export const isLarge = ({ task, workedMs }: OpenTask): boolean => !isBrief(task) || workedMs > briefMs;

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

const isSmallText = ({ parsedBytes }: LaneTask): boolean => parsedBytes <= smallTextBytes;
/** Whether the text is alone in its process, so that it needs a place of `large-texts.ts`. */
export const isLargeText = ({ parsedBytes }: Pick<LaneTask, 'parsedBytes'>): boolean => parsedBytes > maxParsedBytes;

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
 * Takes the next task of the queue that a process with these open tasks may get. When the first text that is not small has no room, no other such
 * one comes before it, because it could wait for ever. One that waits for a place that another lane has delays the others only for some seconds
 * after it has missed a place for want of room.
 * @param turnOfLargeText when the lane has a place for this large text
 */
export const takeNext = (
  queue: Pick<FairQueue<LaneTask>, 'first' | 'take'>,
  opened: readonly OpenTask[],
  places: Places,
  turnOfLargeText: (task: LaneTask) => LargeTextTurn,
): LaneTask | undefined => {
  const turnOf = (task: LaneTask): LargeTextTurn => (isLargeText(task) ? turnOfLargeText(task) : 'now');
  const mayTake = (task: LaneTask): boolean => fits(task, opened, places) && turnOf(task) === 'now';
  const first = queue.first((task) => !isSmallText(task) && fits(task, opened, places) && turnOf(task) !== 'later');
  const isFull = first !== undefined && !(hasRoom(first, opened) && turnOf(first) === 'now');
  return queue.take((task) => mayTake(task) && !(isFull && !isSmallText(task)));
};
