/**
 * Counts lines of the log that are left out, and tells their number once after a time. A timer tells it, because no further line may follow the
 * last one that was left out.
 * @returns counts a line. `tellAfterMs` is used for the first line since the number was told
 */
export const createOmittedLines = (tell: (omitted: number) => void): ((tellAfterMs: number) => void) => {
  let omitted = 0;
  const tellAll = (): void => {
    const lines = omitted;
    omitted = 0;
    tell(lines);
  };
  return (tellAfterMs) => {
    if (omitted === 0) setTimeout(tellAll, Math.max(0, tellAfterMs)).unref();
    omitted += 1;
  };
};
