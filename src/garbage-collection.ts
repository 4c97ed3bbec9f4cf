import { performance, type EventLoopUtilization } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';

/**
 * Sets when V8 marks the whole heap again.
 *
 * Request bodies are stored outside the V8 heap. By default V8 marks the whole heap for every 64 MB of them, for any size of
 * the heap. For batches of some megabytes this needs more processor time than the pricing. With the first flag the bodies
 * count as a part of the heap. See docs/decisions/0093.
 *
 * By default the heap grows by a share of its size that is small while collections take little of the time: with 88 MB in
 * use it was 17 MB, so requests with bodies were interrupted for up to 60 ms every 1.5 s. With the second flag the heap doubles.
 * See docs/decisions/0278.
 */
export const setHeapGrowth = (): void => {
  setFlagsFromString('--external-memory-accounted-in-global-limit');
  setFlagsFromString('--heap-growing-percent=100');
};

type CollectWhenCalmOptions = {
  /** How often the memory is looked at. */
  readonly everyMs: number;
  /** Growth since the last collection that is worth another one. */
  readonly minGrowthBytes: number;
  /** Share of the time for which the event loop worked since the last look; above it, V8 decides alone. */
  readonly maxUtilization: number;
  /** The same growth while the event loop has almost nothing to do. */
  readonly minIdleGrowthBytes: number;
  readonly maxIdleUtilization: number;
  /** Growth of the resident memory that is worth a collection of 0.1 s, which also gives free pages back. */
  readonly minResidentGrowthBytes: number;
  /**
   * Share of the time above which there is no such collection. On a slow host the polls of queues alone are 4 % of a core, so this is
   * more than the share of an idle event loop.
   */
  readonly maxResidentUtilization: number;
  /** So much growth is worth it up to `maxUtilization`: after an attack, what it stored can keep the service busy for minutes. */
  readonly largeResidentGrowthBytes: number;
  /**
   * Min time between two such collections, because large bodies let the memory grow again at once. It doubles with each one that did
   * not help, because what stays is in use then.
   */
  readonly largeGrowthEveryMs: number;
  /**
   * Pauses before the next collections of the same growth. What an attack left in use for some seconds, such as waiting answers
   * and slow connections, is garbage at the next one. What stays after the last one is in use, so it is no reason for more.
   */
  readonly followUpsMs: readonly number[];
};

/**
 * Small requests alone let the heap grow by up to 100 MB. A collection is not worth that, because V8 forgets the hidden
 * classes of which no object lives at that moment, and the code that it compiled for them. The next second of requests was
 * half as fast. See docs/decisions/0156.
 */
const minGrowthBytes = 128 * 2 ** 20;
const defaults: CollectWhenCalmOptions = {
  everyMs: 5_000,
  minGrowthBytes,
  maxUtilization: 0.5,
  minIdleGrowthBytes: 16 * 2 ** 20,
  maxIdleUtilization: 0.02,
  minResidentGrowthBytes: 128 * 2 ** 20,
  maxResidentUtilization: 0.1,
  largeResidentGrowthBytes: 384 * 2 ** 20,
  largeGrowthEveryMs: 60_000,
  followUpsMs: [10_000, 20_000, 40_000],
};

/** Memory that V8 knows of: the heap with its free pages, and what lives outside, such as bodies. */
const knownBytes = (): number => {
  const { heapTotal, external } = process.memoryUsage();
  return heapTotal + external;
};

type CollectWhenCalmDeps = {
  /** Collects all garbage. `last-resort` also gives free pages back to the system. */
  readonly collect: (flavor?: 'last-resort') => void;
  /** Gives free pages outside the heap back to the system. */
  readonly giveBackPages?: () => void;
};

/** Decides when the resident memory has grown so much that a collection of 0.1 s is worth it. */
const createResidentGrowth = (options: CollectWhenCalmOptions) => {
  const { maxUtilization, maxResidentUtilization, followUpsMs } = options;
  let keptBytes = process.memoryUsage.rss();
  let collectedAt = Number.NEGATIVE_INFINITY;
  /** Collections of the present growth in calm times. */
  let calmCollections = 0;
  /** The others. */
  let busyCollections = 0;
  const isCalm = (utilization: number): boolean => utilization <= maxResidentUtilization;
  return {
    isDue: (utilization: number): boolean => {
      const residentBytes = process.memoryUsage.rss();
      keptBytes = Math.min(keptBytes, residentBytes);
      const grownBytes = residentBytes - keptBytes;
      if (grownBytes < options.minResidentGrowthBytes) {
        calmCollections = 0;
        busyCollections = 0;
        return false;
      }
      const sinceMs = performance.now() - collectedAt;
      if (isCalm(utilization)) return calmCollections === 0 || sinceMs >= followUpsMs[calmCollections - 1]!;
      const isLarge = grownBytes >= options.largeResidentGrowthBytes;
      const everyMs = options.largeGrowthEveryMs * 2 ** Math.max(0, busyCollections - 1);
      return isLarge && utilization <= maxUtilization && sinceMs >= everyMs;
    },
    collected: (utilization: number): void => {
      collectedAt = performance.now();
      if (!isCalm(utilization)) {
        busyCollections += 1;
        return;
      }
      calmCollections += 1;
      if (calmCollections <= followUpsMs.length) return;
      calmCollections = 0;
      // What stays is in use. Half of the growth is enough for the next collection, because the memory would else rise by the whole of it after each attack.
      keptBytes = process.memoryUsage.rss() - options.minResidentGrowthBytes / 2;
    },
  };
};

/**
 * V8 collects when memory is allocated. After a time of large bodies nobody allocates, and hundreds of megabytes of
 * garbage stay. This collects them when the event loop has time for it. See docs/decisions/0121 and 0274.
 * @returns ends it
 */
export const collectWhenCalm = ({
  collect,
  giveBackPages,
  ...given
}: CollectWhenCalmDeps & Partial<CollectWhenCalmOptions>): (() => void) => {
  const options = { ...defaults, ...given };
  const { everyMs, maxUtilization, maxIdleUtilization, minIdleGrowthBytes } = options;
  const residentGrowth = createResidentGrowth(options);
  let keptBytes = knownBytes();
  let hasPagesToGiveBack = false;
  let last: EventLoopUtilization = performance.eventLoopUtilization();
  const look = (): void => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    const bytes = knownBytes();
    // What V8 has collected by itself is not kept.
    keptBytes = Math.min(keptBytes, bytes);
    if (hasPagesToGiveBack && utilization <= maxUtilization) {
      hasPagesToGiveBack = false;
      giveBackPages?.();
    }
    if (residentGrowth.isDue(utilization)) {
      collect('last-resort');
      // Memory outside the heap is freed by another thread, so its pages are free at the next look.
      hasPagesToGiveBack = true;
      keptBytes = knownBytes();
      residentGrowth.collected(utilization);
      return;
    }
    const isIdle = utilization <= maxIdleUtilization;
    const worthBytes = isIdle ? minIdleGrowthBytes : options.minGrowthBytes;
    if (bytes - keptBytes < worthBytes || utilization > maxUtilization) return;
    collect();
    // Memory outside the heap is freed by another thread: the next look sees it.
    keptBytes = knownBytes();
  };
  const timer = setInterval(look, everyMs).unref();
  return () => clearInterval(timer);
};
