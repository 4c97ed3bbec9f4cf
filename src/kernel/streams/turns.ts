/** Max milliseconds of work before the event loop gets a turn. The step that is in work is added to it. */
const maxWorkMs = 3;

export type TurnsOptions = {
  /** Ends the work with its reason before the next step. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic?: () => number;
  /** Resolves after the event loop has done its other work. */
  readonly nextTurn?: () => Promise<unknown>;
};

export type Turns = {
  /**
   * Gives the event loop a turn if the work since the last one has lasted for some milliseconds.
   * @returns undefined if no turn is due, so that a loop over rows waits for nothing
   * @throws the reason of an aborted signal
   */
  readonly give: () => Promise<void> | undefined;
};

const now = (): number => performance.now();
let turnAhead: Promise<void> | undefined;
let turnBeganAt = now();

/** Resolves in the next turn of the event loop, at the same time for all that wait. */
export const nextTurnOfLoop = (): Promise<void> => {
  turnAhead ??= new Promise((resolve) => {
    setImmediate(() => {
      turnAhead = undefined;
      turnBeganAt = now();
      resolve();
    });
  });
  return turnAhead;
};

/**
 * Cuts long work into slices. Work whose number of steps a caller decides must call `give` between two steps, because the
 * other requests of the process wait as long as a slice lasts.
 */
export const createTurns = ({ signal, monotonic = now, nextTurn = nextTurnOfLoop }: TurnsOptions = {}): Turns => {
  let turnAt = monotonic();
  const turn = async (): Promise<void> => {
    await nextTurn();
    // All work that waited has begun at the same time, because together it must not take a multiple of the max.
    turnAt = monotonic === now && nextTurn === nextTurnOfLoop ? turnBeganAt : monotonic();
    signal?.throwIfAborted();
  };
  return {
    give: () => {
      if (monotonic() - turnAt >= maxWorkMs) return turn();
      signal?.throwIfAborted();
      return undefined;
    },
  };
};

/** Work in small steps, so that other work can have a turn between two of them. */
export type Steps<Result = void> = Generator<undefined, Result, undefined>;

/** Runs steps to their end, and gives the event loop turns between them. */
export const runInTurns = async <Result>(
  steps: Iterator<undefined, Result, undefined>,
  turns: Turns,
): Promise<Result> => {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    const turn = turns.give();
    if (turn) await turn;
  }
};

/** Runs the steps that are left, without turns. */
export const runAtOnce = <Result>(steps: Iterator<undefined, Result, undefined>): Result => {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
};
