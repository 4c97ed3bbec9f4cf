import { performance } from 'node:perf_hooks';

export type ResidentGrowthOptions = {
  /** Share of the time for which the event loop worked since the last look; above it, V8 decides alone. */
  readonly maxUtilization: number;
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
  /** Fall of the memory that requests hold, after which there is so much garbage. */
  readonly minHeldFallBytes: number;
  /** After this time, a large growth is collected again in a calm time, because not everything in use is counted. */
  readonly recollectAfterMs: number;
};

export const residentGrowthDefaults: ResidentGrowthOptions = {
  maxUtilization: 0.5,
  minResidentGrowthBytes: 128 * 2 ** 20,
  maxResidentUtilization: 0.1,
  largeResidentGrowthBytes: 384 * 2 ** 20,
  // With the time between two looks, the memory of an attack is garbage for less than a minute.
  largeGrowthEveryMs: 40_000,
  followUpsMs: [10_000, 20_000, 40_000],
  minHeldFallBytes: 64 * 2 ** 20,
  recollectAfterMs: 300_000,
};

export type ResidentGrowth = {
  /** Must be called at each look. */
  readonly isDue: (utilization: number) => boolean;
  /** @param fromBytes resident memory before the collection */
  readonly collected: (utilization: number, fromBytes: number) => void;
};

/** Decides when the resident memory has grown so much that a collection of 0.1 s is worth it. See docs/decisions/0377. */
export const createResidentGrowth = (options: ResidentGrowthOptions, heldBytes: () => number): ResidentGrowth => {
  const { maxUtilization, maxResidentUtilization, minResidentGrowthBytes, largeResidentGrowthBytes, followUpsMs } =
    options;
  let keptBytes = process.memoryUsage.rss();
  let minResidentBytes = keptBytes;
  let collectedAt = Number.NEGATIVE_INFINITY;
  let collectedFromBytes = 0;
  /** The most that requests held since the last collection. */
  let maxHeldBytes = 0;
  /** Collections of the present growth in calm times. */
  let calmCollections = 0;
  /** The others, since the last one that helped. */
  let busyCollections = 0;
  const isCalm = (utilization: number): boolean => utilization <= maxResidentUtilization;

  const hasHeldFallen = (): boolean => {
    const held = heldBytes();
    maxHeldBytes = Math.max(maxHeldBytes, held);
    return maxHeldBytes - held >= options.minHeldFallBytes;
  };

  const isPauseOver = (utilization: number, grownBytes: number): boolean => {
    const sinceMs = performance.now() - collectedAt;
    if (isCalm(utilization)) return sinceMs >= (followUpsMs[Math.max(0, calmCollections - 1)] ?? 0);
    const everyMs = options.largeGrowthEveryMs * 2 ** Math.max(0, busyCollections - 1);
    return grownBytes >= largeResidentGrowthBytes && utilization <= maxUtilization && sinceMs >= everyMs;
  };

  return {
    isDue: (utilization) => {
      const residentBytes = process.memoryUsage.rss();
      keptBytes = Math.min(keptBytes, residentBytes);
      minResidentBytes = Math.min(minResidentBytes, residentBytes);
      if (hasHeldFallen()) {
        // What was in use at the last collections is garbage now.
        keptBytes = minResidentBytes;
        calmCollections = 0;
        busyCollections = Math.min(busyCollections, 1);
      }
      // After one that helped, what grew since is other garbage.
      if (collectedFromBytes - residentBytes >= minResidentGrowthBytes) busyCollections = Math.min(busyCollections, 1);
      const isOld = performance.now() - collectedAt >= options.recollectAfterMs;
      if (isOld && isCalm(utilization) && residentBytes - minResidentBytes >= largeResidentGrowthBytes) return true;
      const grownBytes = residentBytes - keptBytes;
      if (grownBytes < minResidentGrowthBytes) {
        calmCollections = 0;
        busyCollections = 0;
        return false;
      }
      return isPauseOver(utilization, grownBytes);
    },
    collected: (utilization, fromBytes) => {
      collectedAt = performance.now();
      collectedFromBytes = fromBytes;
      maxHeldBytes = heldBytes();
      if (!isCalm(utilization)) {
        busyCollections += 1;
        return;
      }
      calmCollections += 1;
      if (calmCollections <= followUpsMs.length) return;
      calmCollections = 0;
      // What stays is in use. Half of the growth is enough for the next collection, because the memory would else rise by the whole of it after each attack.
      keptBytes = process.memoryUsage.rss() - minResidentGrowthBytes / 2;
    },
  };
};
