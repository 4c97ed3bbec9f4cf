import { Client } from 'pg';
import type { FetchedSeries } from '#src/market-data/providers/provider.ts';
import type { WireBar } from '#testkit/servers/providers/twelve-data-server.ts';

/**
 * Each generation changes every price and every index value of the provider. A state that mixes two refreshes is
 * therefore detected.
 */
export const symbols = ['MSFT', 'AMZN', 'IBM', 'AAPL', 'GOOG'] as const;
const months = 24;

const closeOf = (symbol: number, month: number, generation: number): number =>
  (50 + symbol) * (1 + (month / 100) * (1 + generation / 1_000));

const dateOf = (month: number, day = 1): string =>
  `${2000 + Math.floor(month / 12)}-${String((month % 12) + 1).padStart(2, '0')}-${String(day).padStart(2, '0')}`;

/** What the provider corrects in a generation, in addition to the prices. It applies to all symbols. */
type Correction = {
  /** Factor of all prices. */
  readonly unit: number;
  /** The month without a bar, if any; neither the first nor the last one. */
  readonly withdrawn?: number;
  /** Day of the bar of the last month. */
  readonly lastDay: number;
  /** Number of months in the answer. */
  readonly months: number;
};
export type Corrections = (generation: number) => Correction;

const uncorrected: Corrections = () => ({ unit: 1, lastDay: 1, months });

/** The months of the answer with their dates. */
const answeredMonths = ({ withdrawn, lastDay, months: count }: Correction): { month: number; date: string }[] =>
  Array.from({ length: count }, (_, month) => ({
    month,
    date: dateOf(month, month === months - 1 ? lastDay : 1),
  })).filter(({ month }) => month !== withdrawn);

export const barsOf = (symbol: number, generation: number): WireBar[] =>
  Array.from({ length: months }, (_, month) => {
    const close = closeOf(symbol, month, generation).toFixed(8);
    return { datetime: dateOf(month), open: close, high: close, low: close, close, volume: '1000' };
  });

/** The same data in the form of a provider's answer. */
export const seriesOf = (generation: number, corrections = uncorrected): FetchedSeries[] => {
  const correction = corrections(generation);
  return symbols.map((symbol, index) => ({
    symbol,
    prices: answeredMonths(correction).map(({ month, date }) => {
      const close = closeOf(index, month, generation) * correction.unit;
      return { date, open: close, high: close, low: close, close, volume: 1_000 };
    }),
  }));
};

const near = (a: number, b: number): boolean => Math.abs(a - b) < 1e-6 * Math.max(1, Math.abs(b));

type Row = { symbol: string; date: string; close: number };

/**
 * Returns the generation of all stored prices and of the price-weighted index, in one snapshot.
 * @throws Error with the first row that belongs to another generation
 */
export const readGeneration = async (client: Client, corrections = uncorrected): Promise<number> => {
  await client.query('begin isolation level repeatable read read only');
  try {
    const { rows } = await client.query<Row>(
      `select a.symbol, p.date::text as date, p.close from price p join asset a on a.id = p.asset_id
       where a.symbol = any($1) order by a.symbol, p.date`,
      [symbols],
    );
    const { rows: values } = await client.query<{ date: string; value: number }>(
      `select v.date::text as date, v.value from index_value v join market_index i on i.id = v.index_id
       where i.code = 'TECH5_PW' order by v.date`,
    );
    const closes = rows.filter(({ symbol }) => symbol === 'MSFT').map(({ close }) => close);
    const growth = closes.at(-1)! / closes[0]!;
    const generation = Math.round(((growth - 1) / ((months - 1) / 100) - 1) * 1_000);
    const correction = corrections(generation);
    const answered = answeredMonths(correction);
    if (rows.length !== symbols.length * answered.length) throw new Error(`${rows.length} prices are stored`);
    if (values.length !== answered.length) throw new Error(`${values.length} index values are stored`);
    const monthsByDate = new Map(answered.map(({ month, date }) => [date, month]));
    const monthOf = (date: string): number => {
      const month = monthsByDate.get(date);
      if (month === undefined) throw new Error(`${date} is stored, which is not in generation ${generation}`);
      return month;
    };
    for (const { symbol, date, close } of rows) {
      const index = symbols.indexOf(symbol as (typeof symbols)[number]);
      const expected = closeOf(index, monthOf(date), generation) * correction.unit;
      if (!near(close, expected))
        throw new Error(`${symbol} on ${date} is ${close}, not ${expected} as in generation ${generation}`);
    }
    for (const { date, value } of values) {
      const expected = 1_000 * (1 + (monthOf(date) / 100) * (1 + generation / 1_000));
      if (!near(value, expected))
        throw new Error(`TECH5_PW on ${date} is ${value}, not ${expected} as in generation ${generation}`);
    }
    return generation;
  } finally {
    await client.query('rollback');
  }
};

/** The same on a connection of its own. */
export const storedGeneration = async (databaseUrl: string): Promise<number> => {
  const client = new Client({ connectionString: databaseUrl });
  client.on('error', () => {});
  await client.connect();
  try {
    return await readGeneration(client);
  } finally {
    await client.end();
  }
};
