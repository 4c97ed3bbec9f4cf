/** Name of a window, and the refusals that this process has counted and not yet written. */
type OmittedInMemory = { readonly window: string; readonly omitted: number; readonly since: Date };

/**
 * What this process knows of windows of refusals: which ones are full until the end of the hour, and how many refusals it has left out without a
 * transaction. Refusals that nobody will record must cost no connection, because anybody can cause them.
 */
export type RefusalMemory = {
  readonly markFull: (window: string, hour: Date) => void;
  readonly isFull: (window: string, hour: Date) => boolean;
  readonly forgetFull: (window: string) => void;
  /** @returns false without a place: then the refusal is not counted */
  readonly add: (refusals: OmittedInMemory) => boolean;
  /** Takes all numbers, in the order of their windows. */
  readonly takeAll: () => readonly OmittedInMemory[];
};

/** A window takes about 200 bytes. Refusals of further ones have a transaction each. */
const maxWindows = 10_000;

export const createRefusalMemory = (): RefusalMemory => {
  let full = { hour: 0, windows: new Set<string>() };
  let omitted = new Map<string, OmittedInMemory>();

  return {
    markFull: (window, hour) => {
      if (full.hour !== hour.getTime()) full = { hour: hour.getTime(), windows: new Set() };
      if (full.windows.size < maxWindows) full.windows.add(window);
    },
    forgetFull: (window) => void full.windows.delete(window),
    isFull: (window, hour) => full.hour === hour.getTime() && full.windows.has(window),
    add: (refusals) => {
      const { window } = refusals;
      const known = omitted.get(window);
      if (!known && omitted.size >= maxWindows) return false;
      const sum = known && { window, omitted: known.omitted + refusals.omitted, since: known.since };
      omitted.set(window, sum ?? refusals);
      return true;
    },
    takeAll: () => {
      const taken = [...omitted.values()].toSorted((left, right) => (left.window < right.window ? -1 : 1));
      omitted = new Map();
      return taken;
    },
  };
};
