import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { createTurns } from '#src/kernel/streams/turns.ts';
import { arrayLiteral } from '../sql.ts';
import { firstDayOfPeriod, type Interval } from '../series/periods.ts';
import type { MarketDay } from './calculation/index-day.ts';
import { planIndex, type IndexPlan } from './calculation/index-plan.ts';
import { createIndexRun, type IndexRun } from './calculation/index-run.ts';
import { emptyState } from './calculation/index-state.ts';
import { leftOut, type LeftOut } from './calculation/left-out.ts';
import { newestState, stateBefore, writeCheckpoints, writeDivisors } from './index-history.ts';
import { countValues, definitionDigest, isCalculated, markCalculated, writeValues } from './index-values.ts';
import { marketDays } from './market-days.ts';
import type { IndexDefinition, Universe } from './universes.ts';

/** Database ids by symbol and by index code. */
type Ids = { readonly assets: ReadonlyMap<string, number>; readonly indexes: ReadonlyMap<string, number> };

type Query = Pick<Transaction, 'query'>;

export type ChangedPrices = {
  /** The first day whose prices or corporate actions this refresh has changed; null if it changed none. */
  readonly from: string | null;
  /** Symbols whose prices the refresh of another universe may have changed meanwhile. */
  readonly sharedSymbols: ReadonlySet<string>;
  /** Ends the calculation with its reason between two days. */
  readonly signal?: AbortSignal;
};

/** Which days of an index were calculated: all, those from a changed day on, or none. */
type CalculationExtent = 'all' | 'tail' | 'none';

export type CalculatedIndexes = {
  /** Number of index values, also of those that did not change. */
  readonly values: number;
  readonly extents: readonly CalculationExtent[];
  /** Constituents that the last value of an index lacks, because something about them is not known. */
  readonly leftOut: readonly LeftOut[];
};

type Index = {
  readonly id: number;
  readonly definition: IndexDefinition;
  readonly plan: IndexPlan;
  readonly assets: readonly number[];
};

/**
 * `resumedAfter`: the day of the state from which the calculation continued. Empty: from the first day on. `writtenUntil`:
 * results until this day are written.
 */
type Calculation = Index & { readonly run: IndexRun; readonly resumedAfter: string; writtenUntil: string };

/**
 * Results of one index that are written together: 10,000 values. The results of all days do not fit into the memory,
 * because a universe can have 50 indexes, and a history can have 740,000 days.
 */
const maxPartBytes = 1_000_000;

const indexOf = (definition: IndexDefinition, interval: Interval, ids: Ids): Index => {
  const id = ids.indexes.get(definition.code);
  const assets = definition.constituents.map((symbol) => ids.assets.get(symbol));
  if (id === undefined || assets.includes(undefined)) throw new Error(`${definition.code} has no row`);
  const plan = planIndex(definition, interval);
  return { id, definition, plan, assets: assets.filter((asset) => asset !== undefined) };
};

/** Undefined if the stored values are right. */
const begin = async (
  transaction: Query,
  index: Index,
  { from: changed, sharedSymbols }: ChangedPrices,
): Promise<Calculation | undefined> => {
  const { id, definition, plan, assets } = index;
  const isKnown =
    !definition.constituents.some((symbol) => sharedSymbols.has(symbol)) &&
    (await isCalculated(transaction, id, definitionDigest(definition, plan.interval)));
  if (isKnown && changed === null) return undefined;
  const state =
    isKnown && changed !== null
      ? // A change of one day can change the whole bar of its period, also its date.
        await stateBefore(transaction, id, plan, firstDayOfPeriod(changed, plan.interval))
      : emptyState(plan);
  return { ...index, resumedAfter: state.date, writtenUntil: state.date, run: createIndexRun(plan, assets, state) };
};

/** @throws AppError `external_api_bad_response` if a value is not usable */
const guarded = <T>({ definition }: Index, work: () => T): T => {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    const detail = `The prices give ${definition.code} a value or a divisor outside of the range from 1e-220 to 1e220`;
    throw new AppError('external_api_bad_response', detail, { cause });
  }
};

/** Writes the results until the day `until`. Null: all that are left. */
const writePart = async (transaction: Query, calculation: Calculation, until: string | null): Promise<void> => {
  const { id, run, writtenUntil: after } = calculation;
  const { points, divisors, checkpoints } = run.results();
  await writeValues(transaction, id, points, { after, until });
  await writeDivisors(transaction, id, divisors, { after, until });
  await writeCheckpoints(transaction, id, checkpoints, { after, until });
  if (until !== null) calculation.writtenUntil = until;
};

const finish = async (transaction: Query, calculation: Calculation): Promise<number> => {
  const { id, definition, plan, run } = calculation;
  guarded(calculation, () => run.finish());
  await writePart(transaction, calculation, null);
  return markCalculated(transaction, id, definitionDigest(definition, plan.interval));
};

/** The symbols whose series has another interval than the universe: after a change of the interval they keep it until new bars replace them. */
const otherIntervals = async ({ query }: Query, ids: Ids, interval: Interval): Promise<ReadonlySet<string>> => {
  const rows = await query<{ symbol: string }>(
    'select symbol from asset where id = any($1::int[]) and price_interval <> $2',
    [arrayLiteral([...ids.assets.values()]), interval],
  );
  return new Set(rows.map(({ symbol }) => symbol));
};

const minOf = (dates: readonly string[]): string => dates.reduce((min, date) => (date < min ? date : min));

/**
 * Calculates the indexes of the universe from the day of the first changed price on. It continues from the last stored
 * state before this day, so values are the same to the last digit as in a calculation from the first day. If the
 * definition of an index or its stored values have changed, or if it has shared constituents, all days are calculated.
 * @throws AppError `external_api_bad_response` if a value is not usable
 */
export const calculateIndexValues = async (
  transaction: Query,
  ids: Ids,
  universe: Universe,
  changed: ChangedPrices,
): Promise<CalculatedIndexes> => {
  let values = 0;
  const extents: CalculationExtent[] = [];
  const calculations: Calculation[] = [];
  const omitted: LeftOut[] = [];
  const others = await otherIntervals(transaction, ids, universe.interval);
  for (const definition of universe.indexes) {
    const index = indexOf(definition, universe.interval, ids);
    const calculation = await begin(transaction, index, changed);
    if (calculation) calculations.push(calculation);
    else {
      values += await countValues(transaction, index.id);
      const state = await newestState(transaction, index.id, index.plan);
      omitted.push(...leftOut(definition.code, index.plan, state, others));
    }
    extents.push(calculation === undefined ? 'none' : calculation.resumedAfter === '' ? 'all' : 'tail');
  }
  if (calculations.length > 0) {
    const symbols = [...new Set(calculations.flatMap(({ definition }) => definition.constituents))];
    const idsOf = (list: readonly string[]): number[] => list.map((symbol) => ids.assets.get(symbol)!);
    const assets = idsOf(symbols);
    const priced = idsOf(symbols.filter((symbol) => !others.has(symbol)));
    const after = minOf(calculations.map(({ run }) => run.needsDaysAfter ?? '')) || null;
    const from = minOf(calculations.map(({ definition }) => definition.pricesFrom ?? '')) || undefined;
    const addTo = (calculation: Calculation, day: MarketDay) => guarded(calculation, () => calculation.run.add(day));
    const { signal } = changed;
    const turns = createTurns({ signal });
    // All indexes are calculated in one pass, so each close is read once.
    for await (const day of marketDays(transaction, { assets, priced, from, after, to: null, signal })) {
      for (const calculation of calculations) {
        addTo(calculation, day);
        const { run } = calculation;
        if (run.resultBytes() >= maxPartBytes) await writePart(transaction, calculation, run.state.date);
        await turns.give();
      }
    }
  }
  for (const calculation of calculations) {
    values += await finish(transaction, calculation);
    omitted.push(...leftOut(calculation.definition.code, calculation.plan, calculation.run.state, others));
  }
  return { values, extents, leftOut: omitted };
};
