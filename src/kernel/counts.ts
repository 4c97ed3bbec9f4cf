export type Counts = {
  /** The number of `key`, 0 if it was never changed. */
  readonly of: (key: string) => number;
  readonly change: (key: string, by: number) => void;
  /** Each key whose number is above 0, with its number. */
  readonly entries: () => Iterable<readonly [key: string, count: number]>;
};

/** Counts what each of many callers holds. A key whose number is 0 takes no memory. */
export const createCounts = (): Counts => {
  const counts = new Map<string, number>();
  const of = (key: string): number => counts.get(key) ?? 0;
  return {
    of,
    change: (key, by) => {
      const count = of(key) + by;
      if (count > 0) counts.set(key, count);
      else counts.delete(key);
    },
    entries: () => counts,
  };
};
