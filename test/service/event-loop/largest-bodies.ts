import { option } from '#testkit/running-service.ts';
import { batchLoads } from '../../../scripts/bench/http/bodies.ts';
import { dayOf } from '../../../scripts/bench/market/large-universe.ts';
import { assetCount, barCount } from './large-data.ts';

export const arrowType = 'application/vnd.apache.arrow.stream';
const batchRows = 100_000;
const batchBytes = 67_108_864;
const documentBytes = 524_288;

const once = <T>(make: () => T): (() => T) => {
  let made: T | undefined;
  return () => (made ??= make());
};
/** A JSON text with spaces before its end, so that it has the max size. */
const padded = (json: Buffer, bytes: number): Buffer =>
  Buffer.concat([json.subarray(0, -1), Buffer.alloc(bytes - json.length, ' '), json.subarray(-1)]);

const loads = once(() => batchLoads(batchRows));
export const objects = once(() => padded(loads().objects.body, batchBytes));
export const columns = once(() => loads().columns.body);
export const arrowRows = once(() => loads().arrow.body);
/** The most rows that the service prices in its own process. */
export const smallBatch = once(() => batchLoads(400).objects.body);
const american = { ...option, exercise_style: 'american' };
export const slowSmallBatch = once(() =>
  JSON.stringify({
    options: Array.from({ length: 20 }, (_, row) => ({
      ...american,
      model: 'binomial_lr',
      steps: 450,
      strike: 90 + row,
    })),
  }),
);

const json = (value: unknown) => (): string => JSON.stringify(value);
const dividends = Array.from({ length: 1_000 }, (_, each) => ({ time: (each + 1) / 2_100, amount: 0.001 }));
const tree = (steps: number): object => ({ ...american, model: 'binomial_lr', steps });
const manyDividends = { ...option, dividends, model: 'black_scholes' };
/** Options that are near the limit of what the service calculates itself, and one that a pricing process calculates. */
export const slowOptions = [
  { ...american, model: 'finite_difference' },
  { ...american, dividends: dividends.slice(0, 20) },
  { ...option, model: 'heston', heston: { v0: 9, kappa: 1, theta: 9, sigma: 9, rho: 0.5 }, volatility: undefined },
  tree(1_700),
  tree(10_000),
  manyDividends,
].map(json);
export const slowGreeks = [tree(200), tree(500), manyDividends].map(json);
export const slowInversions = [{ ...american, model: 'andersen_lake' }, tree(160), tree(500), manyDividends].map(
  (row) => json({ ...row, volatility: undefined, price: 9 }),
);

const shifts = (count: number): number[] =>
  Array.from({ length: count }, (_, each) => (each - count / 2) / (4 * count));
const gridOf = (positions: number) => ({
  positions: Array.from({ length: positions }, (_, each) => ({
    ...option,
    strike: 80 + each / 100,
    quantity: each + 1,
  })),
  spot_shifts: shifts(50),
  volatility_shifts: shifts(20),
  days: [0],
});
export const grid = once(() => JSON.stringify(gridOf(100)));
export const paddedGrid = once(() => padded(Buffer.from(JSON.stringify(gridOf(100))), batchBytes));
export const quotes = once(() =>
  padded(
    Buffer.from(
      JSON.stringify({
        spot: 100,
        rate: 0.02,
        max_iterations: 5,
        quotes: Array.from({ length: 1_000 }, (_, each) => ({
          strike: 70 + (each % 60),
          time_to_expiry: 0.1 + Math.floor(each / 60) / 10,
          option_type: 'call',
          implied_volatility: 0.2 + ((each * 7) % 13) / 200,
        })),
      }),
    ),
    documentBytes,
  ),
);
/** A chunk of a pricing job may have 16 MiB. */
export const arrowChunk = once(() => {
  const stream = loads().arrow.body;
  return Buffer.concat([stream, Buffer.alloc(16_777_216 - stream.length)]);
});
export const forecasts = ['garch11', 'ewma'].map((method) => json({ symbol: 'LONG', method, horizon_periods: 2_520 }));

export const refresh = json({ universe: 'tech5' });
/** The number of values of a JSON body is limited, so a universe has many assets or many indexes. */
const universe = (assets: number, indexes: number, constituents: number) => {
  const members = Array.from({ length: assets }, (_, each) => ({ symbol: `U${each}` }));
  return json({
    title: 't'.repeat(200),
    source: 'upload',
    interval: '1day',
    assets: members,
    indexes: Array.from({ length: indexes }, (_, each) => ({
      code: `U-INDEX${each}`,
      name: 'n'.repeat(20),
      method: 'equal_weighted',
      constituents: members.slice(0, constituents),
    })),
  });
};
export const universes = [
  universe(1_000, 1, 1_000),
  universe(50, 50, 45),
  once(() => padded(Buffer.from(universe(1_000, 1, 1_000)()), documentBytes)),
];

const price = (asset: number, day: number): number => 100 + asset / 8 + ((day * 7 + asset * 13) % 64) / 16;
const uploadRows = function* (): Generator<readonly [symbol: string, date: string, close: number, shares: number]> {
  for (let asset = 1; asset <= assetCount; asset += 1) {
    for (let day = 0; day <= barCount; day += 1) yield [`S${asset}`, dayOf(day), price(asset, day), 1_000 + asset];
  }
};
const csvFile = once(() =>
  Buffer.from(`symbol,date,close,shares\n${[...uploadRows()].map((row) => row.join(',')).join('\n')}\n`),
);
const lines = once(() =>
  Buffer.from(
    [...uploadRows()]
      .map(([symbol, date, close, shares]) => JSON.stringify({ symbol, date, close, shares }))
      .join('\n'),
  ),
);
const boundary = 'largest';
const form = once(() =>
  Buffer.concat([
    Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\nContent-Type: text/csv\r\n\r\n`,
    ),
    csvFile(),
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]),
);
export const uploads = {
  csv: { type: 'text/csv', make: csvFile },
  ndjson: { type: 'application/x-ndjson', make: lines },
  form: { type: `multipart/form-data; boundary=${boundary}`, make: form },
} as const;

export const longPassword = json({ email: 'long@example.org', password: 'Ab1 '.repeat(64) });

/** What each request with a JSON body can have: the max number of values in the max size. */
export const denseJson = once(() => {
  const lists = Array.from({ length: 5 }, () => Array.from({ length: 990 }, () => '1234567'));
  return padded(Buffer.from(JSON.stringify({ lists })), 65_536);
});
/** The same for a form. */
export const denseForm = once(() =>
  Array.from({ length: 50 }, (_, each) => `n${each}=${'%41'.repeat(420)}`)
    .join('&')
    .slice(0, 65_000),
);
