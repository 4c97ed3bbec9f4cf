import type { FetchedSeries, PriceBar } from '../providers/provider.ts';
import {
  contradictionIn,
  excessiveDividend,
  median,
  movedAgainstSplit,
  movedWithoutSplit,
  sameBar,
  scaledBar,
  type Comparison,
  type ReferenceBar,
} from './bars.ts';
import { periodOf } from './periods.ts';
import { findRestatement, type Restatement } from './restatement.ts';
import type { HeldBackSeries, PlanContext, QuarantinedPrice, SeriesPlan, StoredSeries } from './series-plan.ts';

/** The reference of the first bar, if nothing is stored before it, is the median of this number of closes. */
const openingCloses = 5;
/** Of a series that is held back as a whole, this number of bars is listed. */
const maxListedBars = 1_000;

/** Max number of stored periods that one answer may withdraw: a larger number shows an incomplete answer. */
const maxWithdrawn = (storedPeriods: number): number =>
  Math.max(1, Math.min(Math.floor(storedPeriods / 4), Math.max(3, Math.floor(storedPeriods / 50))));

/** True if so many of the compared bars moved too far that the answer as a whole is not believed. */
const isIncoherent = (moved: number, compared: number): boolean =>
  (moved > 5 && moved > compared / 10) || (moved > 1 && moved > compared / 2);

/** A fetched bar with the stored bar of the same period, and the factor between them. */
type Row = { readonly bar: PriceBar; readonly stored: PriceBar | undefined; readonly factor: number };

type Judged = {
  readonly accepted: readonly PriceBar[];
  readonly held: readonly QuarantinedPrice[];
  /** The stored bars of the held ones, with the new factor. */
  readonly kept: readonly PriceBar[];
  readonly incoherent: boolean;
};

/** The plan of one series can take 0.2 s, so it is made in steps of some milliseconds. */
type Steps<Result> = Generator<undefined, Result, undefined>;
const barsOfStep = 1_000;

type PossibleBars = { readonly byPeriod: ReadonlyMap<string, PriceBar>; readonly held: readonly QuarantinedPrice[] };

/** Removes bars that contradict themselves, and all but the last bar of each period. */
const possibleBars = function* ({ symbol, prices }: FetchedSeries, { interval }: PlanContext): Steps<PossibleBars> {
  const held: QuarantinedPrice[] = [];
  const byPeriod = new Map<string, PriceBar>();
  for (const [index, bar] of prices.entries()) {
    if (index % barsOfStep === 0) yield;
    const contradiction = contradictionIn(bar);
    if (contradiction) {
      held.push({ symbol, date: bar.date, ...contradiction, reason: 'impossible' });
      continue;
    }
    const period = periodOf(bar.date, interval);
    const earlier = byPeriod.get(period);
    if (earlier) {
      const { date, close: price } = earlier;
      held.push({ symbol, date, price, reference: bar.close, reason: 'second_in_period' });
    }
    byPeriod.set(period, bar);
  }
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
const judge = function* (
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
  for (const [index, { bar, stored, factor }] of rows.entries()) {
    if (index % barsOfStep === 0) yield;
    const own = stored && (factor === 1 ? stored : scaledBar(stored, factor));
    const fault = faultOf(bar, { own, previous, opening }, limits);
    if (own) compared += 1;
    if (fault === undefined) {
      accepted.push(bar);
      previous = bar;
      continue;
    }
    held.push({ symbol, date: bar.date, ...fault });
    if (own) {
      if (fault.reason === 'moved_too_far') moved += 1;
      kept.push(own);
      previous = own;
    }
  }
  return { accepted, held, kept, incoherent: isIncoherent(moved, compared) };
};

/** The series replaces all that is stored. Its bars are compared only with each other. */
export const replaceSeries = function* (fetched: FetchedSeries, context: PlanContext): Steps<SeriesPlan> {
  const { symbol } = fetched;
  const { byPeriod, held: impossible } = yield* possibleBars(fetched, context);
  const rows = [...byPeriod.values()].map((bar) => ({ bar, stored: undefined, factor: 1 }));
  const { accepted, held } = yield* judge(symbol, rows, undefined, context);
  const nothing = accepted.length === 0;
  return {
    symbol,
    accepted: accepted.length,
    changed: accepted,
    removed: [],
    removesAll: !nothing,
    rescaleBefore: undefined,
    held: [...impossible, ...held],
    heldCount: impossible.length + held.length,
    replaced: nothing ? undefined : { symbol, reason: 'source_changed' },
    heldBack: nothing ? { symbol, reason: 'moved_too_far' } : undefined,
  };
};

/** True if the stored series is the one whose end was asked for. Another refresh can have changed it since then. */
const continues = ({ origin, bars, before }: StoredSeries, { source, interval }: PlanContext): boolean =>
  (bars.length > 0 || before !== undefined) && origin.source === source && origin.interval === interval;

/** The series is the truth for the time from the first requested day on, as far as it is believed. */
const updateSeries = function* (fetched: FetchedSeries, stored: StoredSeries, context: PlanContext): Steps<SeriesPlan> {
  const { symbol } = fetched;
  const { interval, current, quarantineFactor } = context;
  const { byPeriod, held: impossible } = yield* possibleBars(fetched, context);
  const answered = new Set(fetched.prices.map(({ date }) => periodOf(date, interval)));
  yield;
  const storedByPeriod = new Map(stored.bars.map((bar) => [periodOf(bar.date, interval), bar]));
  yield;
  const withdrawn = stored.bars.filter(({ date }) => !answered.has(periodOf(date, interval)));

  const holdBack = (reason: HeldBackSeries['reason'], factor?: number): SeriesPlan => {
    const differing = [...byPeriod].filter(([period, bar]) => {
      const own = storedByPeriod.get(period);
      return !own || own.date !== bar.date || !sameBar(own, bar);
    });
    const last = stored.bars.at(-1) ?? stored.before;
    const listed = differing.slice(0, maxListedBars).map(([period, { date, close: price }]): QuarantinedPrice => {
      const reference = (storedByPeriod.get(period) ?? last)?.close ?? price;
      return { symbol, date, price, reference, reason };
    });
    const missing = reason === 'short_answer' ? withdrawn.length : 0;
    return {
      symbol,
      accepted: 0,
      changed: [],
      removed: [],
      removesAll: false,
      rescaleBefore: undefined,
      held: [...impossible, ...listed],
      heldCount: Math.max(1, impossible.length + differing.length + missing),
      replaced: undefined,
      heldBack: { symbol, reason, ...(factor !== undefined && { factor }) },
    };
  };

  if (context.isTail && !continues(stored, context)) return holdBack('short_answer');
  if (current && withdrawn.length > maxWithdrawn(storedByPeriod.size)) return holdBack('short_answer');
  yield;
  const pairs = [...byPeriod].flatMap(([period, bar]) => {
    const own = storedByPeriod.get(period);
    return own ? [{ period, stored: own.close, fetched: bar.close }] : [];
  });
  yield;
  const restatement: Restatement = findRestatement(pairs);
  if (restatement.kind === 'contradictory') return holdBack('restated', restatement.factor);
  const isRestated = restatement.kind === 'restated';
  if (isRestated && (!current || context.isPart === true || restatement.maxMove > quarantineFactor)) {
    return holdBack('restated', restatement.factor);
  }
  yield;
  const factors = new Map(pairs.map(({ period }, index) => [period, isRestated ? restatement.factors[index]! : 1]));
  const oldest = isRestated ? restatement.factors[0]! : 1;
  yield;
  const rows = [...byPeriod].map(([period, bar]) => ({
    bar,
    stored: storedByPeriod.get(period),
    factor: factors.get(period) ?? 1,
  }));
  const before = stored.before && scaledBar(stored.before, oldest);
  const judged = yield* judge(symbol, rows, before, context);
  if (judged.incoherent) return holdBack('moved_too_far');

  yield;
  const storedByDate = new Map(stored.bars.map((bar) => [bar.date, bar]));
  yield;
  const acceptedPeriods = new Map(judged.accepted.map((bar) => [periodOf(bar.date, interval), bar.date]));
  yield;
  const relabelled = stored.bars.filter(({ date }) => {
    const now = acceptedPeriods.get(periodOf(date, interval));
    return now !== undefined && now !== date;
  });
  return {
    symbol,
    accepted: judged.accepted.length,
    changed: [...judged.accepted, ...judged.kept].filter((bar) => {
      const known = storedByDate.get(bar.date);
      return !known || !sameBar(known, bar);
    }),
    removed: [...relabelled, ...(current ? withdrawn : [])].map(({ date }) => date),
    removesAll: false,
    rescaleBefore: oldest === 1 ? undefined : oldest,
    held: [...impossible, ...judged.held],
    heldCount: impossible.length + judged.held.length,
    replaced: isRestated ? { symbol, reason: 'restated', factor: restatement.factor } : undefined,
    heldBack: undefined,
  };
};

const isEmpty = ({ bars, before }: StoredSeries): boolean => bars.length === 0 && before === undefined;

/**
 * Decides what a refresh does with one series. A series has one source and one interval: the answer of another source
 * replaces it as a whole. If the source of the stored series is not known, it is replaced only if the answer does not
 * fit to it.
 */
export const planSeries = function* (
  fetched: FetchedSeries,
  stored: StoredSeries,
  context: PlanContext,
): Steps<SeriesPlan> {
  const { source, interval } = stored.origin;
  if (context.isTail || isEmpty(stored)) return yield* updateSeries(fetched, stored, context);
  const isOther =
    (source !== null && context.source !== null && source !== context.source) ||
    (interval !== null && interval !== context.interval);
  if (isOther) return yield* replaceSeries(fetched, context);
  const plan = yield* updateSeries(fetched, stored, context);
  const isUnknown = source === null && context.source !== null && context.current;
  const fits = plan.heldBack === undefined && plan.held.every(({ reason }) => reason !== 'moved_too_far');
  return isUnknown && !fits ? yield* replaceSeries(fetched, context) : plan;
};
