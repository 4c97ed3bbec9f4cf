import { knownDividendCount, knownDividendSum, type CostInputs } from '../../models/cost-inputs.ts';
import { estimateOf, type WorkEstimate } from '../../models/cost.ts';
import type { Wanted } from '../../request/calculate.ts';
import { dividendCountAt, dividendSumAt, nestedColumns, type Column, type ColumnTable } from './columns.ts';
import { chosenModelAt, resolvingMs } from './resolve-columns.ts';

/** Columns that the estimate of a row depends on, beside its dividends. */
const costInputs = ['model', 'steps', 'precision', 'exercise_style'];
/** The cost of these models also depends on the inputs below. */
const modelsByMarket: ReadonlySet<unknown> = new Set(['andersen_lake', 'finite_difference']);
const marketInputs = [
  'option_type',
  'time_to_expiry',
  'rate',
  'dividend_yield',
  'volatility',
  'spot',
  'strike',
  'barrier_type',
  'rebate',
] as const;
const isUniform = (column: Column | undefined): boolean =>
  column === undefined || (column.numbers === undefined && column.only !== undefined);

/** Whether a row may have a model of `modelsByMarket`. Their rows cost more with some rates and years. */
const mayDependOnMarket = ({ columns }: ColumnTable): boolean => {
  const models = columns.get('model');
  if (models !== undefined) {
    const isByRebate = models.at(0) === 'barrier' && columns.has('rebate');
    return !isUniform(models) || modelsByMarket.has(models.at(0)) || isByRebate;
  }
  const styles = columns.get('exercise_style');
  // A row without a model has binomial_lr if it has steps. The next row may have none, or other dividends.
  if (!isUniform(styles) || columns.has('dividends')) return true;
  return styles?.at(0) === 'american' && (columns.has('steps') || modelsByMarket.has(chosenModelAt(columns, 0)));
};

/** Microseconds to read a dividend of a row. Measured: 0.65 of a processor, and 1.5 with a date that becomes a time. */
const dividendMicroseconds = 2;
const readingMs = ({ size, columns }: ColumnTable): number => {
  if (!columns.has('dividends')) return 0;
  let count = 0;
  for (let index = 0; index < size; index++) count += dividendCountAt(columns, index) ?? 0;
  return (count * dividendMicroseconds) / 1000;
};

/**
 * Estimates the duration of a batch by columns, with the time to read its contracts and dates.
 * @param plainColumns returns the columns without contracts and dates. It is called only if the estimate needs them.
 */
export const estimateColumns = (
  table: ColumnTable,
  plainColumns: () => ColumnTable['columns'],
  wanted: Wanted,
): WorkEstimate => {
  const { size, columns } = table;
  const costColumns = costInputs.map((name) => columns.get(name));
  const [models, steps, precisions, styles] = costColumns;
  const hestonColumns = [...columns].filter(([name]) => nestedColumns['heston']!.includes(name));
  const dependsOnMarket = mayDependOnMarket(table);
  /** One object for all rows, because 100,000 objects would take longer than the estimate may. */
  const costRow: Record<string | symbol, unknown> = {};
  const costHeston: Record<string, unknown> = {};
  let summed = 0;
  costRow[knownDividendSum] = () => dividendSumAt(columns, summed);
  const costInputsOf = (index: number, numbers: readonly (readonly [string, Column])[]): CostInputs => {
    costRow['model'] = models?.at(index);
    costRow['exercise_style'] = styles?.at(index);
    costRow['steps'] = steps?.at(index);
    costRow['precision'] = precisions?.at(index);
    // The model depends on whether there are dividends, the cost on their number.
    costRow['dividends'] = costRow[knownDividendCount] = dividendCountAt(columns, index);
    summed = index;
    for (const [name, column] of numbers) costRow[name] = column.at(index);
    for (const [name, column] of hestonColumns) costHeston[name] = column.at(index);
    if (hestonColumns.length > 0) costRow['heston'] = costHeston;
    return costRow;
  };
  const costsOfRows = function* (): Generator<CostInputs> {
    const numbers = [...plainColumns()].filter(
      ([name]) =>
        (dependsOnMarket && marketInputs.some((input) => input === name)) ||
        (hestonColumns.length > 0 && name === 'time_to_expiry'),
    );
    for (let index = 0; index < size; index++) yield costInputsOf(index, numbers);
  };
  const isOneCost =
    !dependsOnMarket && hestonColumns.length === 0 && !columns.has('dividends') && costColumns.every(isUniform);
  const { totalMs, ...slowest } = estimateOf(isOneCost ? [costInputsOf(0, [])] : costsOfRows(), wanted);
  return { ...slowest, totalMs: (isOneCost ? totalMs * size : totalMs) + resolvingMs(table) + readingMs(table) };
};
