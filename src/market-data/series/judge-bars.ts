import type { Steps } from '#src/kernel/streams/turns.ts';
import type { FetchedSeries, PriceBar } from '../providers/provider.ts';
import {
  contradictionIn,
  excessiveDividend,
  median,
  movedAgainstSplit,
  movedWithoutSplit,
  scaledBar,
  type Comparison,
  type ReferenceBar,
} from './bars.ts';
import { periodOf } from './periods.ts';
import type { PlanContext, QuarantinedPrice } from './series-plan.ts';
import { eachInSteps } from './steps.ts';

/** The reference of the first bar, if nothing is stored before it, is the median of this number of closes. */
const openingCloses = 5;

/** True if so many of the compared bars moved too far that the answer as a whole is not believed. */
const isIncoherent = (moved: number, compared: number): boolean =>
  (moved > 5 && moved > compared / 10) || (moved > 1 && moved > compared / 2);

/** A fetched bar with the stored bar of the same period, and the factor between them. */
export type Row = { readonly bar: PriceBar; readonly stored: PriceBar | undefined; readonly factor: number };

type Judged = {
  readonly accepted: readonly PriceBar[];
  readonly held: readonly QuarantinedPrice[];
  /** The stored bars of the held ones, with the new factor. */
  readonly kept: readonly PriceBar[];
  readonly incoherent: boolean;
};

type PossibleBars = { readonly byPeriod: ReadonlyMap<string, PriceBar>; readonly held: readonly QuarantinedPrice[] };

/** Removes bars that contradict themselves, and all but the last bar of each period. */
export const possibleBars = function* (
  { symbol, prices }: FetchedSeries,
  { interval }: PlanContext,
): Steps<PossibleBars> {
  const held: QuarantinedPrice[] = [];
  const byPeriod = new Map<string, PriceBar>();
  yield* eachInSteps(prices, (bar) => {
    const contradiction = contradictionIn(bar);
    if (contradiction) {
      held.push({ symbol, date: bar.date, ...contradiction, reason: 'impossible' });
      return;
    }
    const period = periodOf(bar.date, interval);
    const earlier = byPeriod.get(period);
    if (earlier) {
      const { date, close: price } = earlier;
      held.push({ symbol, date, price, reference: bar.close, reason: 'second_in_period' });
    }
    byPeriod.set(period, bar);
  });
  return { byPeriod, held };
};

/** What a bar is compared with. `own` is the stored bar of its period, `opening` stands for the bar before the first one. */
type References = {
  readonly own: PriceBar | undefined;
  readonly previous: ReferenceBar | undefined;
  readonly opening: ReferenceBar;
};
type Limits = Pick<PlanContext, 'quarantineFactor' | 'tellsActions'>;
type Fault = Comparison & { readonly reason: 'moved_too_far' | 'impossible' };

const faultOf = (
  bar: PriceBar,
  { own, previous, opening }: References,
  { quarantineFactor: maxFactor, tellsActions = false }: Limits,
): Fault | undefined => {
  const reference = previous ?? opening;
  const hasSplit = tellsActions && (bar.splitFactor ?? 1) !== 1;
  // A new bar with a split is compared with the bar before it in the new unit only.
  const isNewAfterSplit = hasSplit && own === undefined && previous !== undefined;
  const moved =
    (isNewAfterSplit ? undefined : movedWithoutSplit(bar, own ?? reference, maxFactor)) ??
    (hasSplit && previous ? movedAgainstSplit(bar, previous, maxFactor) : undefined);
  if (moved) return { ...moved, reason: 'moved_too_far' };
  const dividend = tellsActions ? excessiveDividend(bar, { previous, reference }, maxFactor) : undefined;
  return dividend && { ...dividend, reason: 'impossible' };
};

/**
 * Compares each bar with the stored bar of its period, and a new bar with the bar before it. The first bar is compared
 * with `before`, or with the median of the first five closes. Splits and dividends are compared with the bar before.
 */
export const judge = function* (
  symbol: string,
  rows: readonly Row[],
  before: ReferenceBar | undefined,
  limits: Limits,
): Steps<Judged> {
  const close = median(rows.slice(0, openingCloses).map(({ bar }) => bar.close));
  const opening: ReferenceBar = { open: null, high: null, low: null, close };
  let previous = before;
  const accepted: PriceBar[] = [];
  const held: QuarantinedPrice[] = [];
  const kept: PriceBar[] = [];
  let compared = 0;
  let moved = 0;
  yield* eachInSteps(rows, ({ bar, stored, factor }) => {
    const own = stored && (factor === 1 ? stored : scaledBar(stored, factor));
    const fault = faultOf(bar, { own, previous, opening }, limits);
    if (own) compared += 1;
    if (fault === undefined) {
      accepted.push(bar);
      previous = bar;
      return;
    }
    held.push({ symbol, date: bar.date, ...fault });
    if (own) {
      if (fault.reason === 'moved_too_far') moved += 1;
      kept.push(own);
      previous = own;
    }
  });
  return { accepted, held, kept, incoherent: isIncoherent(moved, compared) };
};
