/**
 * `now`: the lane has a place. `next`: it has none, but it had one when no process had room for the text, so its texts that came later must not
 * delay the text again. `later`: the texts that came later go first meanwhile.
 */
export type LargeTextTurn = 'now' | 'next' | 'later';

/** The view of one lane on the places for large texts. */
export type LargeTextPlaces = {
  /** When the lane may open its next large text. Nothing is reserved, so the lane must ask again after it has waited. */
  readonly ask: () => LargeTextTurn;
  readonly opened: () => void;
  readonly ended: () => void;
  /**
   * Must be called after the lane has looked for tasks.
   * @param isWanted whether a large text waits in the lane
   */
  readonly settle: (isWanted: boolean) => void;
};

/**
 * Places for texts that are alone in their process, shared by all lanes: with its parsed values such a text takes hundreds of megabytes. Lanes
 * find a free place in the order in which they began to wait. One that has no room for its text leaves the place to the next one, and stays
 * before it. So no lane waits for ever, and no place for a text that cannot begin. See docs/decisions/0388.
 */
export const createLargeTexts = (places: number) => {
  let free = places;
  const waiting = new Set<() => void>();

  return {
    /** @param pump called when a place is free for which the lane waits */
    forLane: (pump: () => void): LargeTextPlaces => {
      /** Asked for a place that was free, and has not opened a text since. */
      let hasAsked = false;
      let hasMissed = false;
      return {
        ask: () => {
          if (free === 0) return hasMissed ? 'next' : 'later';
          hasAsked = true;
          return 'now';
        },
        opened: () => {
          free -= 1;
          hasAsked = false;
          hasMissed = false;
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
          hasMissed = isWanted && (hasMissed || hasAsked);
          hasAsked = false;
          if (isWanted) waiting.add(pump);
          else waiting.delete(pump);
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
