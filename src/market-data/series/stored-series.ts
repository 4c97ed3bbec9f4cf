import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { PriceBar } from '../providers/provider.ts';
import { arrayLiteral } from '../sql.ts';
import type { SeriesOrigin, StoredSeries } from './series-plan.ts';

type BarRow = PriceBar & { readonly asset_id: number };
type OriginRow = SeriesOrigin & { readonly id: number };

const columns = 'asset_id, date, open, high, low, close, volume';

const barOf = ({ date, open, high, low, close, volume }: BarRow): PriceBar => ({
  date,
  open,
  high,
  low,
  close,
  volume,
});

/** Reads the series of the assets from the day `from` on, with the last bar before it and the origin of each series. */
export const readStoredSeries = async (
  { query }: Pick<Transaction, 'query'>,
  assetIds: readonly number[],
  from: string,
): Promise<ReadonlyMap<number, StoredSeries>> => {
  const ids = arrayLiteral(assetIds);
  const origins = await query<OriginRow>(
    'select id, price_source as source, price_interval as interval from asset where id = any($1::int[])',
    [ids],
  );
  const rows = await query<BarRow>(
    `select ${columns} from price where asset_id = any($1::int[]) and date >= $2 order by asset_id, date`,
    [ids, from],
  );
  const before = await query<BarRow>(
    `select last_bar.* from unnest($1::int[]) as wanted (id) cross join lateral (
       select ${columns} from price where asset_id = wanted.id and date < $2 order by date desc limit 1
     ) as last_bar`,
    [ids, from],
  );
  const bars = new Map<number, PriceBar[]>(assetIds.map((id) => [id, []]));
  for (const row of rows) bars.get(row.asset_id)?.push(barOf(row));
  const lastBefore = new Map(before.map((row) => [row.asset_id, barOf(row)]));
  return new Map(
    origins.map(({ id, source, interval }) => [
      id,
      { origin: { source, interval }, bars: bars.get(id) ?? [], before: lastBefore.get(id) },
    ]),
  );
};
