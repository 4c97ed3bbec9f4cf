import { AppError } from '#src/kernel/catalogue/errors.ts';
import { nonFiniteIn } from '#src/kernel/finite.ts';
import type { Reader, SnapshotReader } from '#src/kernel/ports/unit-of-work.ts';
import { currentRequest } from '#src/kernel/requests/request-context.ts';
import { planIndex } from '../indexes/calculation/index-plan.ts';
import { createIndexRun, type Checkpoint, type DivisorChange } from '../indexes/calculation/index-run.ts';
import { leftOut, type LeftOut } from '../indexes/calculation/left-out.ts';
import { stateAt } from '../indexes/index-history.ts';
import { definitionDigest } from '../indexes/index-values.ts';
import { marketDays } from '../indexes/market-days.ts';
import type { IndexDefinition } from '../indexes/universes.ts';
import type { Interval } from '../series/periods.ts';
import { inSpan } from '../refresh/spans.ts';
import { toUniverse, type UniverseDocument } from '../universes/universe-document.ts';
import { explainedDay, type ExplainedDay } from './explained-day.ts';
import type { SharedPlaces } from '#src/kernel/requests/callers/shared-places.ts';

export type IndexExplanation = ExplainedDay & {
  readonly code: string;
  readonly method: IndexDefinition['method'];
  readonly return_type: 'price' | 'total';
  /** The last change of the divisor until this day. Null with `each_bar`, where it changes before each bar. */
  readonly divisor_change: DivisorChange | null;
  readonly left_out: readonly { readonly symbol: string; readonly reason: LeftOut['reason'] }[];
};

/**
 * Explains the value of a day: undefined for an unknown code. Null stands for the last day.
 * @throws AppError `resource_not_found` if the index has no value on the day, `index_not_calculated`,
 *   `concurrency_limit_exceeded`, `overloaded`
 */
export type ExplainIndex = (code: string, date: string | null) => Promise<IndexExplanation | undefined>;

type TargetRow = {
  /** With this index only and without assets, because a universe can have megabytes of both. */
  readonly definition: UniverseDocument;
  readonly calculation: string | null;
  readonly date: string | null;
  readonly value: number | null;
  readonly checkpoint_date: string | null;
  readonly ordinal: number;
  readonly state: Buffer;
  readonly change_date: string | null;
  readonly before: number | null;
  readonly after: number;
  readonly causes: DivisorChange['causes'];
};

/**
 * The index with the last value until the day, the last checkpoint before that, and the last change of the divisor until it. One statement, because
 * each one takes a turn of the event loop, and an explanation holds a connection and one of few places meanwhile.
 */
const targetOf = async ({ query }: Reader, code: string, date: string | null): Promise<TargetRow | undefined> => {
  const [row] = await query<TargetRow>(
    `select universe.definition || jsonb_build_object('assets', '[]'::jsonb, 'indexes', jsonb_path_query_array(
         universe.definition, '$.indexes[*] ? (@.code == $code)', jsonb_build_object('code', code)
       )) as definition, market_index.calculation, last_value.date, last_value.value,
       checkpoint.date as checkpoint_date, checkpoint.ordinal, checkpoint.state,
       change.date as change_date, change.before, change.after, change.causes
     from market_index join universe on universe.name = market_index.universe left join lateral (
       select date, value from index_value
       where index_id = market_index.id and date <= coalesce($2::date, 'infinity') order by date desc limit 1
     ) as last_value on true left join lateral (
       select date, ordinal, state from index_checkpoint
       where index_id = market_index.id and date < last_value.date order by date desc limit 1
     ) as checkpoint on true left join lateral (
       select date, before, after, causes from index_divisor
       where index_id = market_index.id and date <= last_value.date order by date desc limit 1
     ) as change on true where code = $1`,
    [code, date],
  );
  return row;
};

type AssetRow = { readonly id: number; readonly symbol: string; readonly is_other: boolean };

/** The assets in the order of the symbols. `is_other`: its series has another interval, so its closes do not count. */
const assetsOf = async (
  { query }: Reader,
  symbols: readonly string[],
  interval: Interval,
): Promise<AssetRow[] | undefined> => {
  const rows = await query<AssetRow>(
    'select id, symbol, coalesce(price_interval <> $2, false) as is_other from asset where symbol = any($1::text[])',
    [symbols, interval],
  );
  const known = new Map(rows.map((row) => [row.symbol, row]));
  const found = symbols.map((symbol) => known.get(symbol));
  return found.includes(undefined) ? undefined : found.filter((row) => row !== undefined);
};

const checkpointOf = ({ checkpoint_date: date, ordinal, state }: TargetRow): Checkpoint | undefined =>
  date === null ? undefined : { date, ordinal, state };

const divisorChangeOf = ({ change_date: date, before, after, causes }: TargetRow): DivisorChange | null =>
  date === null ? null : { date, before, after, causes };

/** Calculates the day again, from the last checkpoint before it. Undefined if the definition is newer than the values. */
const calculateDay = async (reader: Reader, target: TargetRow, code: string) => {
  const { definition: document, calculation, date } = target;
  const { interval, indexes } = toUniverse('', 1, document);
  const definition = indexes.find((index) => index.code === code);
  if (!definition || date === null) return undefined;
  if (calculation?.split(' ')[0] !== definitionDigest(definition, interval)) return undefined;
  const rows = await assetsOf(reader, definition.constituents, interval);
  if (!rows) return undefined;
  const assets = rows.map(({ id }) => id);
  const priced = rows.filter((row) => !row.is_other).map(({ id }) => id);
  const others = new Set(rows.filter((row) => row.is_other).map(({ symbol }) => symbol));
  const plan = planIndex(definition, interval);
  const state = stateAt(plan, checkpointOf(target));
  const run = createIndexRun(plan, assets, state);
  const from = definition.pricesFrom;
  const signal = currentRequest()?.signal;
  for await (const day of marketDays(reader, { assets, priced, from, after: run.needsDaysAfter, to: date, signal }))
    run.add(day);
  const calculated = run.finish();
  return calculated && { ...calculated, definition, plan, state, others };
};

const notCalculated = (what: string): AppError =>
  new AppError('index_not_calculated', `${what} changed, and the refresh that calculates its values has not ended`, {
    retryAfter: 5,
  });

/** Prices that an earlier version stored can be so small that a quotient of them is no finite number. */
const notExplained = (cause?: RangeError): AppError =>
  new AppError(
    'index_not_calculated',
    'The prices or numbers of shares of its constituents are too small or too large to explain the value: upload them again',
    { cause },
  );

/** Explains from one state of the database, because a refresh can commit between two statements. */
export const createExplainIndex = ({ snapshot }: SnapshotReader, places: SharedPlaces): ExplainIndex => {
  const explain = async (reader: Reader, code: string, date: string | null): Promise<IndexExplanation | undefined> => {
    const target = await targetOf(reader, code, date);
    if (!target) return undefined;
    if (target.date === null || (date !== null && target.date !== date)) {
      const before = target.date === null ? '' : `; the last day before it with a value is ${target.date}`;
      throw new AppError('resource_not_found', `The index has no value on this day${before}`);
    }
    const calculated = await calculateDay(reader, target, code).catch((cause: unknown) => {
      throw cause instanceof RangeError ? notExplained(cause) : cause;
    });
    if (!calculated) throw notCalculated('The definition of the index has');
    // The explanation is right only if it gives the stored value, to the last digit.
    if (calculated.result.value !== target.value) throw notCalculated('Prices of its constituents have');
    const { definition, plan, state, others } = calculated;
    const everyBar = plan.rebalance === 'each_bar';
    const explanation = {
      code,
      ...explainedDay(plan, calculated),
      method: definition.method,
      return_type: definition.returnType ?? 'price',
      divisor_change: everyBar ? null : divisorChangeOf(target),
      left_out: leftOut(code, plan, state, others).map(({ symbol, reason }) => ({ symbol, reason })),
    };
    if (nonFiniteIn(explanation) !== undefined) throw notExplained();
    return explanation;
  };
  return (code, date) =>
    inSpan('index.explain', { attributes: { 'index.code': code } }, () =>
      places.use(() => snapshot((reader) => explain(reader, code, date))),
    );
};
