import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { PriceBar } from '../../providers/provider.ts';
import { arrayLiteral } from '../../sql.ts';
import type { QuarantinedPrice } from '../series-plan.ts';

// SQL: bars are written as sets of thousands of rows.

type Query = Pick<Transaction, 'query'>;

/** A row of a series: the id of its asset with a bar, a date or something else of the asset. */
type Of<T> = readonly [asset: number, T];

/** Limits the memory, the time of one statement, and the work in one turn of the event loop. */
const rowsPerStatement = 4_000;

const inChunks = async <Row>(
  rows: readonly Row[],
  write: (chunk: readonly Row[]) => Promise<unknown>,
): Promise<void> => {
  for (let start = 0; start < rows.length; start += rowsPerStatement) {
    await write(rows.slice(start, start + rowsPerStatement));
  }
};

const upsertPrices = `
  insert into price (asset_id, date, open, high, low, close, volume)
  select * from unnest($1::int[], $2::date[], $3::float8[], $4::float8[], $5::float8[], $6::float8[], $7::float8[])
  on conflict (asset_id, date) do update set
    open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close, volume = excluded.volume`;

/** Writes the bars; a stored bar of the same date is replaced. */
export const writeBars = ({ query }: Query, bars: readonly Of<PriceBar>[]): Promise<void> =>
  inChunks(bars, (chunk) =>
    query(upsertPrices, [
      arrayLiteral(chunk.map(([asset]) => asset)),
      arrayLiteral(chunk.map(([, { date }]) => date)),
      arrayLiteral(chunk.map(([, { open }]) => open)),
      arrayLiteral(chunk.map(([, { high }]) => high)),
      arrayLiteral(chunk.map(([, { low }]) => low)),
      arrayLiteral(chunk.map(([, { close }]) => close)),
      arrayLiteral(chunk.map(([, { volume }]) => volume)),
    ]),
  );

export const removeSeries = async ({ query }: Query, assets: readonly number[]): Promise<void> => {
  if (assets.length > 0) await query('delete from price where asset_id = any($1::int[])', [arrayLiteral(assets)]);
};

export const removeBars = ({ query }: Query, dates: readonly Of<string>[]): Promise<void> =>
  inChunks(dates, (chunk) =>
    query(
      `delete from price using unnest($1::int[], $2::date[]) as removed (asset_id, date)
       where price.asset_id = removed.asset_id and price.date = removed.date`,
      [arrayLiteral(chunk.map(([asset]) => asset)), arrayLiteral(chunk.map(([, date]) => date))],
    ),
  );

/** Multiplies the prices of the bars before `from` by the factor of their asset. */
export const rescaleBefore = async ({ query }: Query, factors: readonly Of<number>[], from: string): Promise<void> => {
  if (factors.length === 0) return;
  await query(
    `update price set open = open * factor, high = high * factor, low = low * factor, close = close * factor
     from unnest($1::int[], $2::float8[]) as restated (asset_id, factor)
     where price.asset_id = restated.asset_id and date < $3`,
    [arrayLiteral(factors.map(([asset]) => asset)), arrayLiteral(factors.map(([, factor]) => factor)), from],
  );
};

export const writeQuarantine = (
  { query }: Query,
  refreshId: string,
  held: readonly Of<QuarantinedPrice>[],
): Promise<void> =>
  inChunks(held, (chunk) =>
    query(
      `insert into price_quarantine (refresh_id, asset_id, date, price, reference, reason)
       select $1, * from unnest($2::int[], $3::date[], $4::float8[], $5::float8[], $6::text[]) on conflict do nothing`,
      [
        refreshId,
        arrayLiteral(chunk.map(([asset]) => asset)),
        arrayLiteral(chunk.map(([, { date }]) => date)),
        arrayLiteral(chunk.map(([, { price }]) => price)),
        arrayLiteral(chunk.map(([, { reference }]) => reference)),
        arrayLiteral(chunk.map(([, { reason }]) => reason)),
      ],
    ),
  );
