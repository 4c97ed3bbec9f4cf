import { performance, type EventLoopUtilization } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { createResidentGrowth, residentGrowthDefaults, type ResidentGrowthOptions } from './resident-growth.ts';

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

type CollectWhenCalmOptions = ResidentGrowthOptions & {
  /** How often the memory is looked at. */
  readonly everyMs: number;
  /** Growth since the last collection that is worth another one. */
  readonly minGrowthBytes: number;
  /** The same growth while the event loop has almost nothing to do. */
  readonly minIdleGrowthBytes: number;
  readonly maxIdleUtilization: number;
};

/**
 * Small requests alone let the heap grow by up to 100 MB. A collection is not worth that, because V8 forgets the hidden
 * classes of which no object lives at that moment, and the code that it compiled for them. The next second of requests was
 * half as fast. See docs/decisions/0156.
 */
const minGrowthBytes = 128 * 2 ** 20;
const defaults: CollectWhenCalmOptions = {
  ...residentGrowthDefaults,
  everyMs: 5_000,
  minGrowthBytes,
  minIdleGrowthBytes: 16 * 2 ** 20,
  maxIdleUtilization: 0.02,
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
  /** Memory that requests hold at this moment. */
  readonly heldBytes?: () => number;
};

/**
 * V8 collects when memory is allocated. After a time of large bodies nobody allocates, and hundreds of megabytes of
 * garbage stay. This collects them when the event loop has time for it. See docs/decisions/0121, 0274 and 0377.
 * @returns ends it
 */
export const collectWhenCalm = ({
  collect,
  giveBackPages,
  heldBytes = () => 0,
  ...given
}: CollectWhenCalmDeps & Partial<CollectWhenCalmOptions>): (() => void) => {
  const options = { ...defaults, ...given };
  const { everyMs, maxUtilization, maxIdleUtilization, minIdleGrowthBytes } = options;
  const residentGrowth = createResidentGrowth(options, heldBytes);
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
      const fromBytes = process.memoryUsage.rss();
      collect('last-resort');
      // Memory outside the heap is freed by another thread, so its pages are free at the next look.
      hasPagesToGiveBack = true;
      keptBytes = knownBytes();
      residentGrowth.collected(utilization, fromBytes);
      return;
    }
    const isIdle = utilization <= maxIdleUtilization;
    const worthBytes = isIdle ? minIdleGrowthBytes : options.minGrowthBytes;
    if (bytes - keptBytes < worthBytes || utilization > maxUtilization) return;
    collect();
    // To give pages back takes up to 70 ms.
    hasPagesToGiveBack = isIdle;
    // Memory outside the heap is freed by another thread: the next look sees it.
    keptBytes = knownBytes();
  };
  const timer = setInterval(look, everyMs).unref();
  return () => clearInterval(timer);
};
