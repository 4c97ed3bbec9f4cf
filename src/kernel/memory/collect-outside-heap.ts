import type { GiveBackPages } from './free-pages.ts';

type OutsideHeapOptions = {
  /** Below this resident memory, V8 and the C library decide alone. */
  readonly minResidentBytes: number;
  /** Growth of the garbage outside the heap that is worth a collection of up to 0.1 s. */
  readonly minGarbageBytes: number;
  /** Growth of the free pages of the C library that is worth 20 ms. */
  readonly minPagesBytes: number;
  /** Min time between two times that pages are given back, because requests use them again. */
  readonly pagesEveryMs: number;
  /** Max share of the time that collections take. */
  readonly maxCollecting: number;
};

/** How often the memory is looked at. */
const everyMs = 250;
const defaults: OutsideHeapOptions = {
  minResidentBytes: 768 * 2 ** 20,
  minGarbageBytes: 160 * 2 ** 20,
  minPagesBytes: 192 * 2 ** 20,
  pagesEveryMs: 3_000,
  maxCollecting: 0.08,
};

type Memory = Pick<NodeJS.MemoryUsage, 'rss' | 'heapTotal' | 'external'>;

type OutsideHeapDeps = {
  /** Collects all garbage. */
  readonly collect: () => void;
  readonly giveBackPages: GiveBackPages;
  /** Bodies and answers that requests hold at this moment. They are no garbage. */
  readonly heldBytes: () => number;
  readonly memory?: () => Memory;
  /** Milliseconds of a clock that only goes forward. */
  readonly now?: () => number;
};

/** Whether a number of bytes has grown by `minGrowthBytes`. What stays after the action that followed is no reason for the next one. */
const createGrowth = (minGrowthBytes: number) => {
  let minSeenBytes = Number.POSITIVE_INFINITY;
  return {
    isDue: (bytes: number): boolean => {
      minSeenBytes = Math.min(minSeenBytes, bytes);
      return bytes - minSeenBytes >= minGrowthBytes;
    },
    /** Buffers and pages are free some time after the action: a later look finds fewer. */
    acted: (bytes: number): void => {
      minSeenBytes = bytes;
    },
  };
};

/**
 * Returns the function that must be called at each look. While the service has much memory, it collects the garbage of buffers, which are outside the
 * heap, and gives free pages back.
 *
 * V8 collects when the heap and what is outside it have doubled together. With 400 MB of bodies and answers in use, that is 500 MB of garbage
 * while nearly only buffers are allocated. The C library keeps the pages of buffers that are free. See docs/decisions/0414.
 */
export const createOutsideHeapLook = ({
  collect,
  giveBackPages,
  heldBytes,
  memory = process.memoryUsage,
  now = () => performance.now(),
  ...given
}: OutsideHeapDeps & Partial<OutsideHeapOptions>): (() => void) => {
  const options = { ...defaults, ...given };
  const { minResidentBytes, minGarbageBytes, minPagesBytes } = options;
  const garbage = createGrowth(minGarbageBytes);
  const pages = createGrowth(minPagesBytes);
  let nextPagesAt = Number.NEGATIVE_INFINITY;
  let nextCollectionAt = Number.NEGATIVE_INFINITY;
  // Not everything in use is counted, so only growth tells of garbage and of free pages.
  const notHeldIn = ({ external }: Memory): number => external - heldBytes();
  return () => {
    const found = memory();
    const { rss, heapTotal, external } = found;
    const free = rss - heapTotal - external;
    const begun = now();
    const hasGarbage = garbage.isDue(notHeldIn(found)) && begun >= nextCollectionAt;
    const hasPages = pages.isDue(free) && begun >= nextPagesAt;
    if (rss < minResidentBytes) return;
    if (hasGarbage) {
      collect();
      const end = now();
      nextCollectionAt = end + (end - begun) / options.maxCollecting;
      garbage.acted(notHeldIn(memory()));
    } else if (hasPages) {
      nextPagesAt = begun + options.pagesEveryMs;
      giveBackPages();
      pages.acted(free);
    }
  };
};

/** Looks all the time. @returns ends it */
export const collectOutsideHeap = (deps: OutsideHeapDeps & Partial<OutsideHeapOptions>): (() => void) => {
  const timer = setInterval(createOutsideHeapLook(deps), everyMs).unref();
  return () => clearInterval(timer);
};
