import { createHash } from 'node:crypto';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { Interval } from '../series/periods.ts';
import { arrayLiteral } from '../sql.ts';
import type { IndexPoint } from './calculation/index-run.ts';
import { planIndex } from './calculation/index-plan.ts';
import type { IndexDefinition } from './universes.ts';

type Query = Pick<Transaction, 'query'>;

/** A change of a calculator that changes values needs a new number here, so that all values are calculated again. */
export const calculatorVersion = 3;

/** A digest of everything in the definition that values depend on. */
export const definitionDigest = (definition: IndexDefinition, interval: Interval): string => {
  const { from, to, targets, ...plan } = planIndex(definition, interval);
  return (
    createHash('sha256')
      .update(JSON.stringify([calculatorVersion, definition.method, plan]).slice(0, -1))
      // The text of a JSON list, without a copy of the numbers.
      .update(`,[${from.join(',')}],[${to.join(',')}],[${targets.join(',')}]]`)
      .digest('base64url')
  );
};

// SQL: values are written as sets, and their digest is calculated in the statement that stores it.

/** SQL of the number and digest of the values of the index $1. It notices values that another program has changed. */
const digest = `select count(*) || ' ' || coalesce(bit_xor(hash_record_extended(row(date, value), 0)), 0)
  from index_value where index_id = $1`;

/** True if the stored values are those of the last calculation, which had the same definition. @param definition its digest */
export const isCalculated = async ({ query }: Query, id: number, definition: string): Promise<boolean> => {
  const [row] = await query<{ same: boolean | null }>(
    `select calculation = $2 || ' ' || (${digest}) as same from market_index where id = $1`,
    [id, definition],
  );
  return row?.same === true;
};

/** Records what the stored values were calculated from. @param definition its digest @returns the number of values */
export const markCalculated = async ({ query }: Query, id: number, definition: string): Promise<number> => {
  const [row] = await query<{ count: number }>(
    `update market_index set calculation = $2 || ' ' || (${digest}) where id = $1
     returning split_part(calculation, ' ', 2)::int as count`,
    [id, definition],
  );
  return row?.count ?? 0;
};

/** In place of the digest of the values. The digest of the definition stays, so an explanation can still say that the prices have changed. */
const outdated = 'outdated';

/**
 * Marks the indexes that were calculated from prices or corporate actions of the assets, so that all of their days are calculated again, whatever
 * the universes say then. The transaction that changes the assets must call it. The order of the locks is that of the ids, because several universes can share assets.
 * @param but the universe whose indexes the caller calculates itself
 */
export const markOutdated = async (
  { query }: Query,
  assets: readonly number[],
  { but }: { readonly but?: string } = {},
): Promise<void> => {
  await query(
    `with chosen as (
       select id from market_index where universe is distinct from $2
         and exists (select from index_constituent where index_id = id and asset_id = any($1::int[]))
       order by id for no key update
     )
     update market_index set calculation = split_part(calculation, ' ', 1) || ' ${outdated}'
     from chosen where market_index.id = chosen.id`,
    [arrayLiteral(assets), but ?? null],
  );
};

export const countValues = async ({ query }: Query, id: number): Promise<number> => {
  const [row] = await query<{ count: number }>('select count(*)::int as count from index_value where index_id = $1', [
    id,
  ]);
  return row?.count ?? 0;
};

/** Days after `after` until `until`. Empty: from the first day on. Null: until the last day. */
export type WrittenSpan = { readonly after: string; readonly until: string | null };

/** SQL of a date in a span whose two days are the given parameters. */
export const inWrittenSpan = (after: number, until: number): string =>
  `date > coalesce(nullif($${after}, '')::date, '-infinity') and date <= coalesce($${until}::date, 'infinity')`;

/** The values of the span become the points. Only differences are written. */
export const writeValues = async (
  { query }: Query,
  id: number,
  points: readonly IndexPoint[],
  { after, until }: WrittenSpan,
): Promise<void> => {
  const dates = arrayLiteral(points.map(({ date }) => date));
  await query(
    `delete from index_value where index_id = $1 and ${inWrittenSpan(3, 4)}
       and not exists (select 1 from unnest($2::date[]) as point (date) where point.date = index_value.date)`,
    [id, dates, after, until],
  );
  await query(
    `insert into index_value (index_id, date, value) select $1, * from unnest($2::date[], $3::float8[])
     on conflict (index_id, date) do update set value = excluded.value
       where index_value.value is distinct from excluded.value`,
    [id, dates, arrayLiteral(points.map(({ value }) => value))],
  );
};
