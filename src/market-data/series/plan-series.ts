import type { Steps } from '#src/kernel/streams/turns.ts';
import type { FetchedSeries, PriceBar } from '../providers/provider.ts';
import { sameBar, scaledBar } from './bars.ts';
import { judge, possibleBars } from './judge-bars.ts';
import { periodOf } from './periods.ts';
import { findRestatement, type Restatement } from './restatement.ts';
import type {
  HeldBackSeries,
  PlanContext,
  QuarantinedPrice,
  SeriesOrigin,
  SeriesPlan,
  StoredSeries,
} from './series-plan.ts';
import { eachInSteps, mapInSteps } from './steps.ts';

/** Of a series that is held back as a whole, this number of bars is listed. */
const maxListedBars = 1_000;

/** Max number of stored periods that one answer may withdraw: a larger number shows an incomplete answer. */
const maxWithdrawn = (storedPeriods: number): number =>
  Math.max(1, Math.min(Math.floor(storedPeriods / 4), Math.max(3, Math.floor(storedPeriods / 50))));

/** The series replaces all that is stored. Its bars are compared only with each other. */
export const replaceSeries = function* (fetched: FetchedSeries, context: PlanContext): Steps<SeriesPlan> {
  const { symbol } = fetched;
  const { byPeriod, held: impossible } = yield* possibleBars(fetched, context);
  const rows = yield* mapInSteps(byPeriod.values(), (bar) => ({ bar, stored: undefined, factor: 1 }));
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
  const answered = new Set<string>();
  yield* eachInSteps(fetched.prices, ({ date }) => answered.add(periodOf(date, interval)));
  const storedByPeriod = new Map<string, PriceBar>();
  const withdrawn: PriceBar[] = [];
  yield* eachInSteps(stored.bars, (bar) => {
    const period = periodOf(bar.date, interval);
    storedByPeriod.set(period, bar);
    if (!answered.has(period)) withdrawn.push(bar);
  });

  const holdBack = function* (reason: HeldBackSeries['reason'], factor?: number): Steps<SeriesPlan> {
    const last = stored.bars.at(-1) ?? stored.before;
    const listed: QuarantinedPrice[] = [];
    let differing = 0;
    yield* eachInSteps(byPeriod, ([period, bar]) => {
      const own = storedByPeriod.get(period);
      if (own && own.date === bar.date && sameBar(own, bar)) return;
      differing += 1;
      if (differing > maxListedBars) return;
      const { date, close: price } = bar;
      listed.push({ symbol, date, price, reference: (own ?? last)?.close ?? price, reason });
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
      heldCount: Math.max(1, impossible.length + differing + missing),
      replaced: undefined,
      heldBack: { symbol, reason, ...(factor !== undefined && { factor }) },
    };
  };

  if (context.isTail && !continues(stored, context)) return yield* holdBack('short_answer');
  if (current && withdrawn.length > maxWithdrawn(storedByPeriod.size)) return yield* holdBack('short_answer');
  const pairs = yield* mapInSteps(byPeriod, ([period, bar]) => {
    const own = storedByPeriod.get(period);
    return own && { stored: own.close, fetched: bar.close };
  });
  const restatement: Restatement = yield* findRestatement(pairs);
  if (restatement.kind === 'contradictory') return yield* holdBack('restated', restatement.factor);
  const isRestated = restatement.kind === 'restated';
  if (isRestated && (!current || context.isPart === true || restatement.maxMove > quarantineFactor)) {
    return yield* holdBack('restated', restatement.factor);
  }
  const oldest = isRestated ? restatement.factors[0]! : 1;
  let paired = 0;
  const rows = yield* mapInSteps(byPeriod, ([period, bar]) => {
    const own = storedByPeriod.get(period);
    if (!own) return { bar, stored: undefined, factor: 1 };
    paired += 1;
    return { bar, stored: own, factor: isRestated ? restatement.factors[paired - 1]! : 1 };
  });
  const before = stored.before && scaledBar(stored.before, oldest);
  const judged = yield* judge(symbol, rows, before, context);
  if (judged.incoherent) return yield* holdBack('moved_too_far');

  const storedByDate = new Map<string, PriceBar>();
  yield* eachInSteps(stored.bars, (bar) => storedByDate.set(bar.date, bar));
  const acceptedPeriods = new Map<string, string>();
  const changed: PriceBar[] = [];
  const addChanged = (bar: PriceBar): void => {
    const known = storedByDate.get(bar.date);
    if (!known || !sameBar(known, bar)) changed.push(bar);
  };
  yield* eachInSteps(judged.accepted, (bar) => {
    acceptedPeriods.set(periodOf(bar.date, interval), bar.date);
    addChanged(bar);
  });
  yield* eachInSteps(judged.kept, addChanged);
  const removed = yield* mapInSteps(stored.bars, ({ date }) => {
    const now = acceptedPeriods.get(periodOf(date, interval));
    return now !== undefined && now !== date ? date : undefined;
  });
  if (current) yield* eachInSteps(withdrawn, ({ date }) => removed.push(date));
  return {
    symbol,
    accepted: judged.accepted.length,
    changed,
    removed,
    removesAll: false,
    rescaleBefore: oldest === 1 ? undefined : oldest,
    held: [...impossible, ...judged.held],
    heldCount: impossible.length + judged.held.length,
    replaced: isRestated ? { symbol, reason: 'restated', factor: restatement.factor } : undefined,
    heldBack: undefined,
  };
};

/** True if the stored series has another source or interval, so that the answer replaces it, and its bars say nothing. */
export const isOfOther = (
  { source, interval }: SeriesOrigin,
  context: Pick<PlanContext, 'source' | 'interval'>,
): boolean =>
  (source !== null && context.source !== null && source !== context.source) ||
  (interval !== null && interval !== context.interval);

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
  if (context.isTail || isEmpty(stored)) return yield* updateSeries(fetched, stored, context);
  if (isOfOther(stored.origin, context)) return yield* replaceSeries(fetched, context);
  const plan = yield* updateSeries(fetched, stored, context);
  const isUnknown = stored.origin.source === null && context.source !== null && context.current;
  const fits = plan.heldBack === undefined && plan.held.every(({ reason }) => reason !== 'moved_too_far');
  return isUnknown && !fits ? yield* replaceSeries(fetched, context) : plan;
};
