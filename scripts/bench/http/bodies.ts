import { Dictionary, Float64, Int32, Table, tableToIPC, Utf8, vectorFromArray } from 'apache-arrow';

/**
 * An option chain as a data vendor delivers it: one underlying, prices with two decimals, volatilities with four, times
 * in whole days.
 */
const rowAt = (index: number) => ({
  spot: 100.25,
  strike: 60 + (index % 161) * 0.5,
  time_to_expiry: (7 + 7 * (Math.floor(index / 322) % 104)) / 365,
  rate: 0.031,
  volatility: Math.round(1500 + 2500 * ((index * 0.6180339887) % 1)) / 10_000,
  dividend_yield: 0.0125,
  option_type: index % 322 < 161 ? 'call' : 'put',
});
export type BenchRow = ReturnType<typeof rowAt>;

export type Load = {
  readonly name: string;
  readonly path: string;
  readonly type: string;
  readonly rows: number;
  readonly body: Buffer;
};

const json = 'application/json';

export const priceLoad: Load = {
  name: 'price',
  path: '/api/v1/pricing/price',
  type: json,
  rows: 1,
  body: Buffer.from(JSON.stringify(rowAt(0))),
};

/** The same rows in each format. */
export const batchLoads = (rows: number): Readonly<Record<'objects' | 'columns' | 'arrow', Load>> => {
  const options = Array.from({ length: rows }, (_, index) => rowAt(index));
  const names = Object.keys(rowAt(0)) as (keyof BenchRow)[];
  const columns = Object.fromEntries(names.map((name) => [name, options.map((row) => row[name])]));
  const { option_type, ...numbers } = columns;
  const table = new Table({
    ...Object.fromEntries(
      Object.entries(numbers).map(([name, cells]) => [name, vectorFromArray(cells, new Float64())]),
    ),
    option_type: vectorFromArray(option_type!, new Dictionary(new Utf8(), new Int32())),
  });
  const common = { path: '/api/v1/pricing/batch', rows };
  return {
    objects: { ...common, name: 'objects', type: json, body: Buffer.from(JSON.stringify({ options })) },
    columns: { ...common, name: 'columns', type: json, body: Buffer.from(JSON.stringify({ columns })) },
    arrow: {
      ...common,
      name: 'arrow',
      type: 'application/vnd.apache.arrow.stream',
      body: Buffer.from(tableToIPC(table, 'stream')),
    },
  };
};
