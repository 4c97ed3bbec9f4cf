/**
 * `now`: the lane has a place. `next`: it has none, but it had one when no process had room for the text, so its texts that came later must not
 * delay the text again for some seconds. `later`: the texts that came later go first meanwhile.
 */
export type LargeTextTurn = 'now' | 'next' | 'later';

/** The view of one lane on the places for large texts. */
export type LargeTextPlaces = {
  /** When the lane may open its next large text. Nothing is reserved, so the lane must ask again after it has waited. */
  readonly ask: (task: object) => LargeTextTurn;
  readonly opened: () => void;
  readonly ended: () => void;
  /**
   * Must be called after the lane has looked for tasks.
   * @param isWanted whether a large text waits in the lane
   */
  readonly settle: (isWanted: boolean) => void;
};

type Missed = { readonly delayMs: number; readonly until: number };

export type LargeTextOptions = {
  /** Max time that a text which has missed a place delays the others of its lane. It doubles each time that the text misses one. */
  readonly delayMs?: number;
  readonly now?: () => number;
  readonly wake?: (pump: () => void, afterMs: number) => void;
};

/**
 * Places for texts that are alone in their process, shared by all lanes: with its parsed values such a text takes hundreds of megabytes. Lanes
 * find a free place in the order in which they began to wait. One that has no room for its text leaves the place to the next one, and stays
 * before it. So no lane waits for ever, and no place for a text that cannot begin. A text that has missed a place delays the others of its lane
 * for a limited time only, because the lane that has the place can keep it for minutes. See docs/decisions/0388 and 0408.
 */
export const createLargeTexts = (
  places: number,
  {
    delayMs: firstDelayMs = 5_000,
    now = () => performance.now(),
    wake = (pump, afterMs) => void setTimeout(pump, afterMs).unref(),
  }: LargeTextOptions = {},
) => {
  let free = places;
  const waiting = new Set<() => void>();

  return {
    /** @param pump called when a place is free for which the lane waits, and when a text delays the others no longer */
    forLane: (pump: () => void): LargeTextPlaces => {
      /** Texts that asked for a place which was free. */
      let asked = new WeakSet<object>();
      let missed = new WeakMap<object, Missed>();
      const forget = (): void => {
        asked = new WeakSet();
        missed = new WeakMap();
      };
      const miss = (task: object): void => {
        asked.delete(task);
        const before = missed.get(task);
        const delayMs = before === undefined ? firstDelayMs : 2 * before.delayMs;
        missed.set(task, { delayMs, until: now() + delayMs });
        wake(pump, delayMs);
      };
      return {
        ask: (task) => {
          if (free > 0) {
            asked.add(task);
            return 'now';
          }
          // Another lane has taken the place.
          if (asked.has(task)) miss(task);
          return now() < (missed.get(task)?.until ?? -Infinity) ? 'next' : 'later';
        },
        opened: () => {
          free -= 1;
          forget();
          // Its next text waits behind those of other lanes.
          waiting.delete(pump);
        },
        ended: () => {
          free += 1;
          for (const next of waiting) {
            if (free === 0) return;
            next();
          }
        },
        settle: (isWanted) => {
          if (isWanted) waiting.add(pump);
          else {
            waiting.delete(pump);
            forget();
          }
        },
      };
    },
  };
};

/** Memory of the service while its limits are used, and of a large text beside its values. Both are somewhat less: see docs/decisions/0388. */
const [serviceBytes, largeTextBytes] = [2 ** 30, 2 ** 30];

/** As many places as processes for short work, if the memory is enough. Their number is that of the processors, which tells nothing of it. */
export const largeTextsIn = (memoryBytes: number, processes: number): number =>
  Math.max(1, Math.min(processes, Math.floor((memoryBytes - serviceBytes) / largeTextBytes)));

export type LargeTexts = ReturnType<typeof createLargeTexts>;
