import type { HeldBackSeries, QuarantinedPrice, ReplacedSeries, SeriesPlan } from './series-plan.ts';

export type StoredResult = {
  /** Fetched bars that are part of their series now. Bars that were stored already count too. */
  readonly prices: number;
  /** Number of bars held back. It can be larger than the length of `held`, see `maxListedBars` and `maxKeptHeld`. */
  readonly quarantined: number;
  /** Number of bars held back that are rows of the quarantine. */
  readonly listed: number;
  readonly held: readonly QuarantinedPrice[];
  readonly replaced: readonly ReplacedSeries[];
  readonly heldBack: readonly HeldBackSeries[];
  /** The first day with a changed price; null if no price has changed. */
  readonly firstChanged: string | null;
};

export type Plans = readonly (readonly [asset: number, SeriesPlan])[];

export const minDay = '0001-01-01';

export const earlier = (a: string | null, b: string | null): string | null =>
  a !== null && (b === null || a < b) ? a : b;

export const nothingStored: StoredResult = {
  prices: 0,
  quarantined: 0,
  listed: 0,
  held: [],
  replaced: [],
  heldBack: [],
  firstChanged: null,
};

/** Of all bars that were held back, so many are kept for the report of the refresh. Each row of a file of millions can be one. */
const maxKeptHeld = 1_000;
/**
 * Of all bars that were held back, so many are stored for the list of the refresh. A file of millions of them would fill the
 * disk, and its record could not be removed within the timeout of a statement.
 */
const maxListedHeld = 10_000;

/** The bars of the plans that become rows of the quarantine. */
export const listedHeld = (
  { listed }: Pick<StoredResult, 'listed'>,
  plans: Plans,
): (readonly [asset: number, QuarantinedPrice])[] => {
  const rows: (readonly [asset: number, QuarantinedPrice])[] = [];
  for (const [asset, { held }] of plans) {
    for (const each of held.slice(0, maxListedHeld - listed - rows.length)) rows.push([asset, each]);
  }
  return rows;
};

const firstChangeOf = ({ changed, removed, removesAll, rescaleBefore: factor }: SeriesPlan): string | null => {
  if (removesAll || factor !== undefined) return minDay;
  let first: string | null = null;
  for (const { date } of changed) first = earlier(date, first);
  return removed.reduce<string | null>(earlier, first);
};

const present = <T>(items: readonly (T | undefined)[]): T[] => items.filter((item) => item !== undefined);

/** The result with the plans added. */
export const withPlans = (result: StoredResult, plans: Plans): StoredResult => ({
  prices: result.prices + plans.reduce((sum, [, plan]) => sum + plan.accepted, 0),
  quarantined: result.quarantined + plans.reduce((sum, [, plan]) => sum + plan.heldCount, 0),
  listed: result.listed + listedHeld(result, plans).length,
  held:
    result.held.length >= maxKeptHeld
      ? result.held
      : [...result.held, ...plans.flatMap(([, { held }]) => held.slice(0, maxKeptHeld))].slice(0, maxKeptHeld),
  replaced: [...result.replaced, ...present(plans.map(([, { replaced }]) => replaced))],
  firstChanged: plans.map(([, plan]) => firstChangeOf(plan)).reduce(earlier, result.firstChanged),
  heldBack: [...result.heldBack, ...present(plans.map(([, { heldBack }]) => heldBack))],
});
