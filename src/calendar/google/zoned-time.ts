type LocalTimes = {
  /** Returns the UTC instant of a local time without offset, in milliseconds. @throws RangeError for an unknown zone */
  readonly utcOf: (local: string, timeZone: string) => number;
};

const formatOf = (timeZone: string): Intl.DateTimeFormat =>
  new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    era: 'short',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });

const offsetAt = (format: Intl.DateTimeFormat, instant: number): number => {
  const parts = format.formatToParts(instant);
  const value = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.find((part) => part.type === type)?.value);
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

/** Local times of one page of events. It keeps the format of each zone, because a new one takes 0.1 ms and more. */
export const createLocalTimes = (): LocalTimes => {
  const formats = new Map<string, Intl.DateTimeFormat>();
  return {
    utcOf: (local, timeZone) => {
      const format = formats.get(timeZone) ?? formatOf(timeZone);
      formats.set(timeZone, format);
      const asUtc = Date.parse(`${local}Z`);
      // The offset at the first guess can be that of the other side of a clock change, so it is looked up again.
      const guess = asUtc - offsetAt(format, asUtc);
      return asUtc - offsetAt(format, guess);
    },
  };
};
