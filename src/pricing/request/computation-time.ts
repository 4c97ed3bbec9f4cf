/** Milliseconds with three digits after the point, because the clock is not more exact than a microsecond. */
export const computationTime = (ms: number): number => Math.round(ms * 1_000) / 1_000;
