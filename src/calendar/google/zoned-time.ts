/** Returns the UTC instant of a local time without offset, in milliseconds. @throws RangeError for an unknown zone */
export const utcOfLocal = (local: string, timeZone: string): number => {
  const asUtc = Date.parse(`${local}Z`);
  const offsetAt = (instant: number): number => {
    const parts = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    }).formatToParts(instant);
    const value = (type: Intl.DateTimeFormatPartTypes): number =>
      Number(parts.find((part) => part.type === type)?.value);
    const shown = Date.UTC(
      value('year'),
      value('month') - 1,
      value('day'),
      value('hour'),
      value('minute'),
      value('second'),
    );
    return shown - Math.floor(instant / 1_000) * 1_000;
  };
  // The offset at the first guess can be that of the other side of a clock change, so it is looked up again.
  const guess = asUtc - offsetAt(asUtc);
  return asUtc - offsetAt(guess);
};
