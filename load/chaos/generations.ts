import { Client } from 'pg';
import type { FetchedSeries } from '#src/market-data/providers/provider.ts';
import type { WireBar } from '#testkit/servers/twelve-data-server.ts';

/**
 * Each generation changes every price and every index value of the provider. A state that mixes two refreshes is
 * therefore detected.
 */
export const symbols = ['MSFT', 'AMZN', 'IBM', 'AAPL', 'GOOG'] as const;
const months = 24;

const closeOf = (symbol: number, month: number, generation: number): number =>
  (50 + symbol) * (1 + (month / 100) * (1 + generation / 1_000));

const dateOf = (month: number): string =>
  `${2000 + Math.floor(month / 12)}-${String((month % 12) + 1).padStart(2, '0')}-01`;

export const barsOf = (symbol: number, generation: number): WireBar[] =>
  Array.from({ length: months }, (_, month) => {
    const close = closeOf(symbol, month, generation).toFixed(8);
    return { datetime: dateOf(month), open: close, high: close, low: close, close, volume: '1000' };
  });

/** The same data in the form of a provider's answer. */
export const seriesOf = (generation: number): FetchedSeries[] =>
  symbols.map((symbol, index) => ({
    symbol,
    prices: Array.from({ length: months }, (_, month) => {
      const close = closeOf(index, month, generation);
      return { date: dateOf(month), open: close, high: close, low: close, close, volume: 1_000 };
    }),
  }));

const near = (a: number, b: number): boolean => Math.abs(a - b) < 1e-6 * Math.max(1, Math.abs(b));

type Row = { symbol: string; date: string; close: number };

/**
 * Returns the generation of all stored prices and of the price-weighted index.
 * @throws Error with the first row that belongs to another generation
 */
export const storedGeneration = async (databaseUrl: string): Promise<number> => {
  const client = new Client({ connectionString: databaseUrl });
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query('begin isolation level repeatable read read only');
    const { rows } = await client.query<Row>(
      `select a.symbol, p.date::text as date, p.close from price p join asset a on a.id = p.asset_id
       where a.symbol = any($1) order by a.symbol, p.date`,
      [symbols],
    );
    const { rows: values } = await client.query<{ date: string; value: number }>(
      `select v.date::text as date, v.value from index_value v join market_index i on i.id = v.index_id
       where i.code = 'TECH5_PW' order by v.date`,
    );
    if (rows.length !== symbols.length * months) throw new Error(`${rows.length} prices are stored`);
    if (values.length !== months) throw new Error(`${values.length} index values are stored`);
    const last = rows.find(({ symbol, date }) => symbol === 'MSFT' && date === dateOf(months - 1))!;
    const generation = Math.round(((last.close / 50 - 1) / ((months - 1) / 100) - 1) * 1_000);
    for (const { symbol, date, close } of rows) {
      const month = (Number(date.slice(0, 4)) - 2000) * 12 + Number(date.slice(5, 7)) - 1;
      const expected = closeOf(symbols.indexOf(symbol as (typeof symbols)[number]), month, generation);
      if (!near(close, expected))
        throw new Error(`${symbol} on ${date} is ${close}, not ${expected} as in generation ${generation}`);
    }
    for (const [month, { date, value }] of values.entries()) {
      const expected = 1_000 * (1 + (month / 100) * (1 + generation / 1_000));
      if (!near(value, expected))
        throw new Error(`TECH5_PW on ${date} is ${value}, not ${expected} as in generation ${generation}`);
    }
    return generation;
  } finally {
    await client.end();
  }
};
