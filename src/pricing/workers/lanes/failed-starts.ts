/** Pause after a failed start. A start takes some milliseconds of the event loop, and descriptors become free within seconds. */
const pauseMs = 1_000;
/** Failed starts after which tasks do not wait for the next one. */
const maxTries = 3;

export type FailedStarts = {
  /** Whether the last start failed within the pause, so that none may be tried. */
  readonly isPaused: () => boolean;
  /** Whether the last starts failed, so that a task without a process must not wait. */
  readonly isLasting: () => boolean;
  readonly failed: () => void;
  readonly succeeded: () => void;
  readonly close: () => void;
};

/**
 * Starts of processes that the system refused. The cause usually lasts for a while, so each failed start is followed by a pause.
 * @param onRetry called when a pause has ended
 */
export const createFailedStarts = (onRetry: () => void): FailedStarts => {
  let failures = 0;
  let pause: NodeJS.Timeout | undefined;
  return {
    isPaused: () => pause !== undefined,
    isLasting: () => failures >= maxTries,
    failed: () => {
      failures += 1;
      pause = setTimeout(() => {
        pause = undefined;
        onRetry();
      }, pauseMs);
    },
    succeeded: () => {
      failures = 0;
    },
    close: () => clearTimeout(pause),
  };
};
