/** The view of one lane on the places for large texts. */
export type LargeTextPlaces = {
  /** Must be called before the lane looks for tasks. */
  readonly begin: () => void;
  /** Whether the lane has a place for its next large text. If not, it waits for one. */
  readonly mayOpen: () => boolean;
  readonly opened: () => void;
  readonly ended: () => void;
  /** Must be called after the lane has looked. A lane that wanted no place meanwhile leaves its own to the next one. */
  readonly settle: () => void;
};

/**
 * Places for texts that are alone in their process, shared by all lanes: with its parsed values such a text takes hundreds of megabytes. Lanes
 * get a free place in the order in which they began to wait, so no lane waits for ever. See docs/decisions/0388.
 */
export const createLargeTexts = (places: number) => {
  let free = places;
  const waiting = new Set<() => void>();

  const grantNext = (): void => {
    for (const grant of waiting) {
      if (free === 0) return;
      waiting.delete(grant);
      free -= 1;
      grant();
    }
  };

  return {
    /** @param pump called when the lane has got a place for which it waited */
    forLane: (pump: () => void): LargeTextPlaces => {
      let isWanted = false;
      let isReserved = false;
      const grant = (): void => {
        isReserved = true;
        pump();
      };
      return {
        begin: () => (isWanted = false),
        mayOpen: () => {
          isWanted = true;
          if (!isReserved && free > 0) {
            free -= 1;
            isReserved = true;
          }
          if (!isReserved) waiting.add(grant);
          return isReserved;
        },
        opened: () => {
          isReserved = false;
          isWanted = false;
        },
        ended: () => {
          free += 1;
          grantNext();
        },
        settle: () => {
          if (isWanted) return;
          waiting.delete(grant);
          if (!isReserved) return;
          isReserved = false;
          free += 1;
          grantNext();
        },
      };
    },
  };
};

export type LargeTexts = ReturnType<typeof createLargeTexts>;
