import { Dictionary, Float32, Int16, Int8, Uint32, Utf8, vectorFromArray } from 'apache-arrow';
import { arrowStream, columnsOf } from '#testkit/arrow/arrow-support.ts';
import { streamFile } from '#testkit/arrow/streams.ts';

const rowAt = (index: number) => ({
  spot: 100,
  strike: 90 + index,
  time_to_expiry: 0.5,
  rate: 0.03,
  volatility: 0.2 + index / 100,
  option_type: index % 2 === 0 ? 'call' : 'put',
});
const rows = Array.from({ length: 12 }, (_, index) => rowAt(index));
const heston = { v0: 0.04, kappa: 1.5, theta: 0.05, sigma: 0.4, rho: -0.6 };
const { volatility: _, ...withoutVolatility } = rowAt(0);

/** Ten streams of the apache-arrow library, and streams of pyarrow, pandas and polars that the service accepts. */
export const arrowSamples = (): readonly Uint8Array[] => [
  arrowStream(columnsOf(rows)),
  arrowStream(columnsOf(rows), { dictionary: true }),
  arrowStream(columnsOf(rows), { outputs: 'price,delta,gamma' }),
  arrowStream(columnsOf(rows.map((row, index) => (index % 3 === 0 ? { ...row, dividend_yield: 0.01 } : row)))),
  arrowStream(columnsOf(rows.map((row, index) => ({ ...row, symbol: `S${index}`, model: 'black_scholes' })))),
  arrowStream(columnsOf([{ ...withoutVolatility, ...heston, model: 'heston' }]), { dictionary: true }),
  arrowStream(columnsOf([{ ...rowAt(0), model: 'barrier', barrier: 80, barrier_type: 'down_out' }]), {
    dictionary: true,
  }),
  arrowStream(columnsOf([{ ...withoutVolatility, price: 12 }]), { outputs: 'implied_volatility' }),
  arrowStream(columnsOf(rows.slice(0, 3).map((row) => ({ ...row, model: 'baw', exercise_style: 'american' })))),
  arrowStream({
    ...columnsOf(rows.slice(0, 3)),
    spot: vectorFromArray([100, 101, 102], new Int16()),
    strike: vectorFromArray([100, 101, 102], new Float32()),
    rate: vectorFromArray([0, 0, 0], new Int8()),
    volatility: vectorFromArray([1, 1, 1], new Uint32()),
  }),
  arrowStream({
    ...columnsOf(rows.slice(0, 2)),
    option_type: vectorFromArray(['call', 'put'], new Dictionary(new Utf8(), new Int8())),
  }),
  ...['utf8', 'outputs', 'dictionary', 'nulls', 'batches-sliced', 'small-numbers'].map(streamFile),
  ...['pandas-dividends', 'pandas-dividends-mixed', 'polars-dividend-texts', 'polars-dividends-empty'].map((name) =>
    streamFile(`frames/${name}`),
  ),
  ...['dictionary-delta', 'dictionary-replaced', 'metadata-v4-legacy'].map(streamFile),
];

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

export const objectsSamples = (): readonly Uint8Array[] => [
  json({ options: rows.slice(0, 3) }),
  json({ options: rows, outputs: ['price', 'delta', 'implied_volatility'] }),
  json({ options: [{ ...withoutVolatility, heston, model: 'heston' }] }),
  json({ options: [{ ...rowAt(1), dividends: [{ time: 0.1, amount: 1 }], symbol: 'AAPL' }, {}, null] }),
  json({ options: [{ ...rowAt(2), model: 'barrier', barrier: 130, barrier_type: 'up_in' }] }),
  json({ options: [{ ...rowAt(2), model: 'binomial_lr', exercise_style: 'american', steps: 51 }] }),
];

export const columnsSamples = (): readonly Uint8Array[] => [
  json({ columns: columnsOf(rows) }),
  json({ columns: { ...rowAt(0), strike: [90, 100, null, '1'] }, outputs: ['price', 'vega'] }),
  json({ columns: { ...withoutVolatility, ...heston, strike: [95, 105] }, model: 'heston' }),
  json({
    columns: { ...rowAt(0), barrier: [80, 90], barrier_type: ['down_in', 'down_out'], rebate: 1 },
    model: 'barrier',
  }),
  json({ columns: { ...rowAt(0), dividends: [[{ time: 0.1, amount: 1 }], null, []] } }),
  json({ columns: { ...rowAt(0), valuation_date: '2026-01-01', dividends: [{ date: '2026-03-01', amount: 1 }] } }),
  json({ columns: { ...rowAt(0), precision: ['fast', 'high'] }, model: 'andersen_lake', exercise_style: 'american' }),
];
