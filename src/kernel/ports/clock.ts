export type Clock = {
  /** Wall-clock instant. */
  readonly now: () => Date;
  /** Monotonic milliseconds, for durations only. */
  readonly monotonic: () => number;
};

export const systemClock: Clock = { now: () => new Date(), monotonic: () => performance.now() };
