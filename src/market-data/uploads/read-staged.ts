import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { Turns } from '#src/kernel/streams/turns.ts';
import type { PriceBar } from '../providers/provider.ts';
import { readInPages, rowsPerRead } from '../series/stored/paged-rows.ts';
import { arrayLiteral } from '../sql.ts';
import { stagingTable } from './upload.ts';

type StagedRow = PriceBar & { readonly asset: number; readonly line: number };

const barOf = ({ date, open, high, low, close, volume, splitFactor }: StagedRow): PriceBar => ({
  date,
  open,
  high,
  low,
  close,
  volume,
  splitFactor: splitFactor ?? null,
});

/** The staged rows of series by their position in the universe, by date, and rows of the same date as they are in the file. */
export const readStaged = (
  { query }: Pick<Transaction, 'query'>,
  positions: readonly number[],
  turns: Turns,
): Promise<ReadonlyMap<number, PriceBar[]>> =>
  readInPages(
    positions.map((series) => ({ series, date: '-infinity', line: 0 })),
    {
      read: (starts) =>
        query<StagedRow>(
          `select row.* from unnest($1::int[], $2::date[], $3::bigint[]) as wanted (asset, date, line)
           cross join lateral (
             select asset, date, line, open, high, low, close, volume,
               coalesce(split_factor, known_split) as "splitFactor"
             from ${stagingTable} as staged
             where staged.asset = wanted.asset and (staged.date, staged.line) > (wanted.date, wanted.line)
             order by staged.date, staged.line limit ${rowsPerRead}
           ) as row`,
          [
            arrayLiteral(starts.map(({ series }) => series)),
            arrayLiteral(starts.map(({ date }) => date)),
            arrayLiteral(starts.map(({ line }) => line)),
          ],
        ),
      seriesOf: ({ asset }) => asset,
      startAfter: ({ date, line }, { series }) => ({ series, date, line }),
    },
    barOf,
    turns,
  );
