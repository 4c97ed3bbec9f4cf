import { Client } from 'pg';
import { tiingoBar, weekdays, type TiingoBar } from '#testkit/servers/providers/tiingo-server.ts';

/** The universe of the probe `parts`: more symbols than one part of a fetch may have. */
export const partsUniverse = 'parts';
export const partsSymbols: readonly string[] = Array.from({ length: 12 }, (_, place) => `PART_${place}`);
/** The symbols of the second part. */
export const secondPart: readonly string[] = partsSymbols.slice(10);
const indexCode = 'PARTS_PW';
const days = weekdays('2024-01-01', 24);

export const partsDefinition = {
  source: 'tiingo',
  interval: '1day',
  from: days[0],
  assets: partsSymbols.map((symbol) => ({ symbol })),
  indexes: [
    {
      code: indexCode,
      name: 'Parts',
      method: 'price_weighted',
      constituents: partsSymbols.map((symbol) => ({ symbol })),
    },
  ],
};

/** Prices grow with the generation, so each series shows its generation. */
const closeOf = (place: number, day: number, generation: number): number =>
  (50 + place) * (1 + (day / 100) * (1 + generation / 1_000));

export const partsBars = (symbol: string, generation: number): TiingoBar[] =>
  days.map((date, day) => tiingoBar(date, closeOf(partsSymbols.indexOf(symbol), day, generation)));

type Snapshot = {
  /** The closes of each symbol, in the order of `partsSymbols`; empty without prices. */
  readonly series: readonly (readonly number[])[];
  readonly values: readonly number[];
};

const near = (a: number, b: number): boolean => Math.abs(a - b) < 1e-6 * Math.max(1, Math.abs(b));

/**
 * Describes the first difference; undefined if there is none. The parts of a fetch may come from different times, so each
 * series has a generation of its own. But all series are stored together, each as a whole, with the index over them.
 */
export const partsFault = ({ series, values }: Snapshot): string | undefined => {
  if (series.every((closes) => closes.length === 0)) {
    return values.length === 0 ? undefined : 'index values without prices';
  }
  for (const [place, closes] of series.entries()) {
    if (closes.length !== days.length) return `${closes.length} prices of ${partsSymbols[place]}`;
    const growth = closes.at(-1)! / closes[0]! - 1;
    const generation = Math.round((growth / ((days.length - 1) / 100) - 1) * 1_000);
    const wrong = closes.findIndex((close, day) => !near(close, closeOf(place, day, generation)));
    if (wrong !== -1)
      return `${partsSymbols[place]} on day ${wrong} is ${closes[wrong]}, not of generation ${generation}`;
  }
  const sumOf = (day: number): number => series.reduce((sum, closes) => sum + closes[day]!, 0);
  if (values.length !== days.length) return `${values.length} index values`;
  const wrong = values.findIndex((value, day) => !near(value, (1_000 * sumOf(day)) / sumOf(0)));
  return wrong === -1 ? undefined : `the index on day ${wrong} is ${values[wrong]}`;
};

/** One statement, so that all of it is of one instant. */
const statement = `
  select (
    select json_agg(array(
      select close from price join asset on asset.id = asset_id where asset.symbol = wanted.symbol order by date
    ) order by place) from unnest($1::text[]) with ordinality as wanted (symbol, place)
  ) as series, array(
    select value from index_value join market_index on market_index.id = index_id where code = $2 order by date
  ) as values`;

/**
 * Checks the prices and index values of the universe that is fetched in parts.
 * @throws Error with the first difference
 */
export const assertPartsState = async (databaseUrl: string): Promise<void> => {
  const client = new Client({ connectionString: databaseUrl });
  client.on('error', () => {});
  await client.connect();
  try {
    const { rows } = await client.query<Snapshot>(statement, [partsSymbols, indexCode]);
    const fault = partsFault(rows[0]!);
    if (fault !== undefined) throw new Error(fault);
  } finally {
    await client.end();
  }
};
