import type { Clock } from '../ports/clock.ts';
import { nearestName, quoted } from '../requests/nearest-name.ts';

/** Max names that are read and looked through. Letters are compared only if length and first letters are similar. */
export const maxNearNames = 10_000;
/**
 * Max pairs of letters that are compared for one wrong name: 2,000 names of five letters, in about a millisecond. Callers
 * choose the names, so the cost must have a bound.
 */
const maxPairs = 50_000;
/** A new name may be missing for this time, because each refusal would otherwise read all names. */
const knownMs = 5_000;

/** Returns the nearest known name, undefined if none is near. */
export type NearestOf = (name: string) => Promise<string | undefined>;

const letters = (name: string): string => name.toLowerCase();

/** Whether two names can be near: their lengths are similar, and one letter at the beginning is the same. */
const mayBeNear = (name: string, candidate: string): boolean => {
  if (Math.abs(name.length - candidate.length) > Math.floor(name.length / 3) + 1) return false;
  const known = letters(candidate);
  return name[0] === known[0] || name[0] === known[1] || name[1] === known[0];
};

/** The nearest of many names, with a bounded number of comparisons. */
const nearestOfMany = (name: string, names: readonly string[]): string | undefined => {
  const wanted = letters(name);
  const candidates: string[] = [];
  let pairs = 0;
  for (const candidate of names) {
    if (!mayBeNear(wanted, candidate)) continue;
    pairs += wanted.length * candidate.length;
    if (pairs > maxPairs) break;
    candidates.push(candidate);
  }
  return nearestName(name, candidates);
};

export type NearNamesDeps = {
  /** At most `maxNearNames` names that every caller may see. */
  readonly read: () => Promise<readonly string[]>;
  readonly clock: Clock;
};

/**
 * Finds the name that a caller probably meant among stored names. The names are kept for `knownMs`. A failed read gives no
 * name, because the refusal that the caller gets is right without it.
 */
export const createNearestOf = ({ read, clock }: NearNamesDeps): NearestOf => {
  let known: { readonly names: Promise<readonly string[]>; readonly at: number } | undefined;
  return async (name) => {
    if (known === undefined || clock.monotonic() - known.at >= knownMs) {
      known = { names: read().catch(() => []), at: clock.monotonic() };
    }
    return nearestOfMany(name, await known.names);
  };
};

/** A refusal such as `There is no asset "APPL"; did you mean AAPL?`. */
export const noSuchText = async (kind: string, name: string, nearestOf: NearestOf): Promise<string> => {
  const near = await nearestOf(name);
  const text = `There is no ${kind} ${quoted(name)}`;
  return near === undefined || near === name ? text : `${text}; did you mean ${near}?`;
};
