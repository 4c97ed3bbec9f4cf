import { setImmediate as nextTurnOfLoop } from 'node:timers/promises';

/** Max milliseconds of work before the event loop gets a turn. The step that is in work is added to it. */
const maxWorkMs = 5;

export type TurnsOptions = {
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic?: () => number;
  /** Resolves after the event loop has done its other work. */
  readonly nextTurn?: () => Promise<unknown>;
};

export type Turns = {
  /** Gives the event loop a turn if the work since the last one has lasted for some milliseconds. */
  readonly give: () => Promise<void>;
};

/**
 * Cuts long work into slices. Work whose number of steps a caller decides must call `give` between two steps, because the
 * other requests of the process wait as long as a slice lasts.
 */
export const createTurns = ({
  monotonic = () => performance.now(),
  nextTurn = nextTurnOfLoop,
}: TurnsOptions = {}): Turns => {
  let turnAt = monotonic();
  return {
    give: async () => {
      if (monotonic() - turnAt < maxWorkMs) return;
      await nextTurn();
      turnAt = monotonic();
    },
  };
};
