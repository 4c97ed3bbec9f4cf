import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { WorkKind } from '../fair-queue.ts';
import { jobRounds, type WorkLimits } from '../protocol.ts';
import { briefMs, isBrief, isLargeJob, needsLargePlace, rowMsOf, shortBrief } from './lane-task.ts';
import type { LaneTask, Places, SizeOfTask } from './lane-task.ts';

/** Work of a process of this lane; `short` is brief, and `long` may take as long as a request. */
export type LaneName = 'short' | 'medium' | 'long';
/** The max work of the lane for medium work, as a multiple of that for short work. */
const mediumFactor = 10;
/**
 * Max time of a row of short work. Two rows of large tasks and six of brief ones are a round, and a batch of 1,000 options must not wait for
 * more than a second.
 */
export const shortRowMs = (shortWorkMs: number): number => shortWorkMs / 10;

/**
 * The lane for work of this duration, whose slowest row takes `maxRowMs`. Chunks of jobs never run beside short work. A row cannot be interrupted,
 * and the other tasks of its process wait for it in each turn, so a slow one does not run beside short work, and a very slow one not beside medium work. The garbage of a large text is collected
 * at its end, which can take 0.1 s, so it does not run beside short work either.
 */
export const laneFor = (
  { kind, isLarge = false }: { readonly kind: WorkKind; readonly isLarge?: boolean },
  expectedMs: number,
  maxRowMs: number,
  shortWorkMs: number,
): LaneName => {
  if (expectedMs > mediumFactor * shortWorkMs || maxRowMs > shortWorkMs) return 'long';
  return kind === 'job' || isLarge || expectedMs > shortWorkMs || maxRowMs > shortRowMs(shortWorkMs)
    ? 'medium'
    : 'short';
};

/** Whether a process has returned a task of the short lane only because it needs a place for large tasks. Then it waits for one there. */
export const isReturnedForPlace = (
  { lane, limits, summary }: LaneTask & { readonly lane: LaneName },
  shortWorkMs: number,
): boolean =>
  lane === 'short' &&
  limits.isForBrief === true &&
  needsLargePlace(summary, shortBrief) &&
  (summary?.totalMs ?? 0) <= shortWorkMs &&
  (summary?.maxRowMs ?? 0) <= shortRowMs(shortWorkMs);

/** The lane for a task that a process has returned, and whose work is known now. */
export const laneOfReturned = (task: LaneTask & { readonly lane: LaneName }, shortWorkMs: number): LaneName => {
  const { kind, lane, limits, expectedMs } = task;
  const wasFirst = lane === 'short' || limits.isForBrief === true || limits.isBriefChunk === true;
  return wasFirst && laneFor({ kind }, expectedMs, rowMsOf(task), shortWorkMs) !== 'long' ? 'medium' : 'long';
};

const keptBytes = 100 * 2 ** 20;
/**
 * Most places of a process for short work are kept for small batches and single options. They are many, because on a busy host a task waits longer for its
 * turn on the way to the process and back than for the processor. Chunks of jobs leave places for
 * work that somebody waits for. The event loop of the service comes first, because each request needs it, and short work
 * comes before long work. A process for medium work keeps most places for work of one or few
 * slow rows, and for brief chunks of jobs: batches and chunks of seconds have three. When all processors are busy, a process with niceness 5 gets a third of the time of one with 0, and with 13 an 18th. An
 * idle process for long work ends, because such work is rare, and the start of a process is short beside it.
 */
export const laneSettings = {
  short: { places: { all: 8, large: 2, jobs: 0, largeJobs: 0 }, niceness: 5, keptBytes },
  medium: { places: { all: 8, large: 3, jobs: 4, largeJobs: 2 }, niceness: 13, keptBytes },
  long: { places: { all: 4, large: 4, jobs: 3, largeJobs: 3 }, niceness: 15, keptBytes: 0 },
} as const;

/**
 * The places of a process of the lane. Work that is medium only because of a slow row is brief there, so it does not wait until work of seconds
 * ends. See docs/decisions/0410.
 */
export const placesIn = (lane: LaneName, shortWorkMs: number): Places => ({
  ...laneSettings[lane].places,
  brief: lane === 'short' ? shortBrief : { ms: shortWorkMs, rowMs: shortWorkMs },
});

/**
 * The limits of a task in a lane. A task with a place for brief ones keeps to its estimate, because others have few such places. The work of
 * most batches and chunks is known when a process has opened them. If they are not brief then, the process returns them, because otherwise many of
 * them would have these places. A chunk with a long answer stays, so that it is not read twice.
 */
export const limitsIn = (lane: LaneName, task: SizeOfTask, maxMs: number, shortWorkMs: number): WorkLimits => {
  if (lane === 'long') return { maxMs };
  const { brief } = placesIn(lane, shortWorkMs);
  const isForBrief = isBrief(task, brief);
  if (lane === 'medium' && !isForBrief) return { maxMs, handBackMs: mediumFactor * shortWorkMs };
  if (task.kind === 'job') return { maxMs, handBackMs: briefMs, keepsEstimate: true, isBriefChunk: true };
  const handBackRowMs = isForBrief ? brief.rowMs : shortRowMs(shortWorkMs);
  return { maxMs, handBackMs: shortWorkMs, handBackRowMs, keepsEstimate: true, ...(isForBrief && { isForBrief }) };
};

/** How much an open task slows others down: a chunk of a job gets a turn in each fourth round. */
const weightOf = ({ kind }: Pick<LaneTask, 'kind'>): number => (kind === 'job' ? 1 / jobRounds : 1);

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
      isLargeJob(task) && mediumJobs.size >= processes * laneSettings.medium.places.largeJobs * mediumJobsFactor;
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
