import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { indexCalculators, type Close, type IndexPoint } from './index-calculators.ts';
import { closesAsOf, closesFrom, firstCloseDays, type ClosesByAsset } from './index-closes.ts';
import { countValues, isCalculated, markCalculated, valueBefore, writeValues } from './index-values.ts';
import type { IndexDefinition, Universe } from './universes.ts';

/** Database ids by symbol and by index code. */
type Ids = { readonly assets: ReadonlyMap<string, number>; readonly indexes: ReadonlyMap<string, number> };

type Query = Pick<Transaction, 'query'>;
type Index = { readonly id: number; readonly definition: IndexDefinition; readonly assets: readonly number[] };

/** With more first days of constituents than this, reading all closes is as fast as reading them as of each day. */
const maxFirstDays = 50;

const calculate = ({ definition, assets }: Index, closes: ClosesByAsset, start?: number): IndexPoint[] => {
  const points = indexCalculators[definition.method](
    assets.map((asset) => closes.get(asset) ?? []),
    start,
  );
  if (points.every(({ value }) => Number.isFinite(value) && value > 0)) return points;
  throw new AppError(
    'external_api_bad_response',
    `The prices give ${definition.code} a value that is not positive and finite`,
  );
};

/**
 * The points from the day `changed` on, from those closes alone that they depend on. They are the same to the last digit
 * as in a calculation from all closes, because the same numbers are combined in the same order. Undefined if a
 * calculation from all closes is needed.
 */
const pointsFrom = async (transaction: Query, index: Index, changed: string): Promise<IndexPoint[] | undefined> => {
  const before = await valueBefore(transaction, index.id, changed);
  if (!before) return undefined;
  if (index.definition.method === 'equal_weighted') {
    const closes = await closesFrom(transaction, index.assets, before.date);
    return calculate(index, closes, before.value).filter(({ date }) => date >= changed);
  }
  // The other methods depend on the closes of the days on which a constituent begins, and on the last closes.
  const days = await firstCloseDays(transaction, index.assets, before.date);
  if (days.length > maxFirstDays) return undefined;
  const earlier = await closesAsOf(transaction, index.assets, [...new Set([...days, before.date])]);
  const later = await closesFrom(transaction, index.assets, changed);
  const closes = new Map(
    index.assets.map((asset): [number, Close[]] => [
      asset,
      [...(earlier.get(asset) ?? []), ...(later.get(asset) ?? [])],
    ]),
  );
  return calculate(index, closes).filter(({ date }) => date >= changed);
};

export type ChangedPrices = {
  /** The first day whose prices this refresh has changed; null if it changed none. */
  readonly from: string | null;
  /** Symbols whose prices the refresh of another universe may have changed meanwhile. */
  readonly sharedSymbols: ReadonlySet<string>;
};

/**
 * Calculates the indexes of the universe from the day of the first changed price on. If the definition of an index or its
 * stored values have changed, or if it has shared constituents, it is calculated from all closes.
 * @returns the number of index values
 * @throws AppError `external_api_bad_response` if a value is not positive and finite
 */
export const calculateIndexValues = async (
  transaction: Query,
  ids: Ids,
  universe: Universe,
  { from: changed, sharedSymbols }: ChangedPrices,
): Promise<number> => {
  let all: ClosesByAsset | undefined;
  let count = 0;
  for (const definition of universe.indexes) {
    const id = ids.indexes.get(definition.code);
    const assets = definition.constituents.map((symbol) => ids.assets.get(symbol));
    if (id === undefined || assets.includes(undefined)) throw new Error(`${definition.code} has no row`);
    const index: Index = { id, definition, assets: assets.filter((asset) => asset !== undefined) };
    const isKnown =
      !definition.constituents.some((symbol) => sharedSymbols.has(symbol)) &&
      (await isCalculated(transaction, id, definition));
    if (isKnown && changed === null) {
      count += await countValues(transaction, id);
      continue;
    }
    const tail = isKnown && changed !== null ? await pointsFrom(transaction, index, changed) : undefined;
    if (tail) await writeValues(transaction, id, tail, changed);
    else {
      all ??= await closesFrom(transaction, [...ids.assets.values()], null);
      await writeValues(transaction, id, calculate(index, all), null);
    }
    count += await markCalculated(transaction, id, definition);
  }
  return count;
};
