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
  /** A process has returned it because it took several times its estimate, so it is not brief. */
  isUnderestimated: boolean;
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
/** Max work of a brief task, and max time of its slowest row. A lane for longer work has longer brief tasks. */
export type BriefWork = { readonly ms: number; readonly rowMs: number };
/** Max body and max work of a brief task of short work. A batch of 1,000 options has 100 KB and takes about 10 ms. */
const briefBytes = smallTextBytes;
export const briefMs = 100;
/**
 * A row cannot be interrupted, so all tasks of the process wait for one row of each other task in each round, and a batch of 1,000 options needs
 * about three rounds.
 */
const briefRowMs = 20;
export const shortBrief: BriefWork = { ms: briefMs, rowMs: briefRowMs };
/** Chunks of jobs get few turns, so a longer one would keep a place for brief tasks for long. */
const briefFor = ({ kind }: Pick<LaneTask, 'kind'>, brief: BriefWork): BriefWork =>
  kind === 'job' ? shortBrief : brief;
/**
 * Max bytes of the answer of a brief batch. A busy service takes about 200 KB of it in a turn of its event loop, and the task keeps its place
 * until then. 1,000 objects with the default greeks, dates and ids have 500 KB.
 */
const briefAnswerBytes = 512 * 2 ** 10;
/** Whether the answer of a task is so long that the task takes a place for large ones. */
export const hasLongAnswer = (summary: Pick<TaskSummary, 'answerBytes'> | undefined): boolean =>
  summary !== undefined && summary.answerBytes > briefAnswerBytes;

const isLongOrUncertain = (summary: Pick<TaskSummary, 'answerBytes' | 'isUncertain'> | undefined): boolean =>
  hasLongAnswer(summary) || summary?.isUncertain === true;

/** Whether a batch that looked brief takes a place for large ones when it is read. Callers of uncertain estimates are not remembered. */
export const needsLargePlace = (
  summary: Pick<TaskSummary, 'answerBytes' | 'isUncertain' | 'maxRowMs'> | undefined,
  { rowMs }: Pick<BriefWork, 'rowMs'>,
): boolean => isLongOrUncertain(summary) || (summary?.maxRowMs ?? 0) > rowMs;

/** Whether a process returns a task whose estimate is known, because its work needs another place. */
export const isReturnedFor = (
  summary: TaskSummary,
  { handBackMs = Infinity, handBackRowMs = Infinity, isForBrief }: WorkLimits,
): boolean =>
  summary.totalMs > handBackMs ||
  summary.maxRowMs > handBackRowMs ||
  (isForBrief === true && isLongOrUncertain(summary));

/** A task that a process has returned with the counted bytes of its answer is opened again, with the estimated ones. */
export const withKnownAnswer = (summary: TaskSummary, before: TaskSummary | undefined): TaskSummary => ({
  ...summary,
  answerBytes: Math.max(summary.answerBytes, before?.answerBytes ?? 0),
});

/** What decides whether a task is brief. */
export type SizeOfTask = Pick<LaneTask, 'kind' | 'bytes' | 'expectedMs' | 'expectedRowMs' | 'isUncertain'> &
  Partial<Pick<LaneTask, 'summary' | 'isUnderestimated'>>;

/** Whether the task is brief in a lane, by what is known of it. */
export const isBrief = (task: SizeOfTask, briefOfLane: BriefWork): boolean => {
  const { bytes, expectedMs, expectedRowMs, isUncertain, isUnderestimated, summary } = task;
  const brief = briefFor(task, briefOfLane);
  const isUnknown = isUncertain || isUnderestimated === true || bytes > briefBytes;
  if (isUnknown || expectedMs > brief.ms || expectedRowMs > brief.rowMs) return false;
  return !needsLargePlace(summary, brief) && (summary?.totalMs ?? 0) <= brief.ms;
};

/** Whether an open task takes a place for large tasks, because of its estimate or of the time that it took. */
export const isLarge = ({ task, workedMs }: OpenTask, brief: BriefWork): boolean =>
  !isBrief(task, brief) || workedMs > briefFor(task, brief).ms;

/** Max open tasks of one process, which runs them in turns. A caller has at most one of them; its other tasks wait. */
export type Places = {
  readonly all: number;
  /** For tasks that are not brief. The other places are for brief tasks, so that these do not wait until a large one ends. */
  readonly large: number;
  /** For chunks of jobs. */
  readonly jobs: number;
  /** For chunks of jobs that are not brief: they can take minutes, and a client who waits for a batch must not wait for their end. */
  readonly largeJobs: number;
  readonly brief: BriefWork;
};

/** Whether the task is a chunk of a job that is not brief. */
export const isLargeJob = (task: LaneTask): boolean => task.kind === 'job' && !isBrief(task, shortBrief);

const isSmallText = ({ parsedBytes }: LaneTask): boolean => parsedBytes <= smallTextBytes;
/** Whether the text is alone in its process, so that it needs a place of `large-texts.ts`. */
export const isLargeText = ({ parsedBytes }: Pick<LaneTask, 'parsedBytes'>): boolean => parsedBytes > maxParsedBytes;

const hasRoom = (task: LaneTask, opened: readonly OpenTask[]): boolean => {
  const others = opened.reduce((sum, each) => sum + (isSmallText(each.task) ? 0 : each.task.parsedBytes), 0);
  return isSmallText(task) || others === 0 || others + task.parsedBytes <= maxParsedBytes;
};

/** Max places for large tasks that one network has in a process. */
const maxLargeOfNetwork = 2;

/** One network can have many callers, and must not have all places. */
const networkFits = (
  task: LaneTask,
  opened: readonly OpenTask[],
  large: readonly OpenTask[],
  { all, brief }: Places,
): boolean => {
  if (task.network === undefined) return true;
  const ofNetwork = (tasks: readonly OpenTask[]): number =>
    tasks.filter((each) => each.task.network === task.network).length;
  return ofNetwork(opened) < all / 2 && (isBrief(task, brief) || ofNetwork(large) < maxLargeOfNetwork);
};

const jobFits = (
  task: LaneTask,
  opened: readonly OpenTask[],
  large: readonly OpenTask[],
  { jobs, largeJobs }: Places,
): boolean => {
  if (task.kind !== 'job') return true;
  const jobsOf = (tasks: readonly OpenTask[]): number => tasks.filter((each) => each.task.kind === 'job').length;
  return jobsOf(opened) < jobs && (!isLargeJob(task) || jobsOf(large) < largeJobs);
};

/** Whether a process with these open tasks may get the task too. */
export const fits = (task: LaneTask, opened: readonly OpenTask[], places: Places): boolean => {
  const large = opened.filter((each) => isLarge(each, places.brief));
  return (
    (isBrief(task, places.brief) || large.length < places.large) &&
    jobFits(task, opened, large, places) &&
    opened.every((each) => each.task.caller !== task.caller) &&
    networkFits(task, opened, large, places)
  );
};

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
