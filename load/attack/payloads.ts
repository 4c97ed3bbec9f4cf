import { deepCall } from '#testkit/american/deep-call.ts';
import { nearlyNoRate } from '#testkit/american/hidden-costs.ts';
import { mebibyte } from '#testkit/measures/processes.ts';
import { brotliCompressSync, constants, gzipSync, zstdCompressSync } from 'node:zlib';
import { tableFromArrays, tableToIPC } from 'apache-arrow';
import { arrowStream } from '#testkit/arrow/arrow-support.ts';
import { streamFile, withSharedMetadata } from '#testkit/arrow/streams.ts';
import { dividendsOf, numbersOf, streamOf } from '#testkit/arrow/text-views.ts';
import { greekNames } from '#src/pricing/models/outputs.ts';

/** The default limit of a batch body after decompression. */
const unpackedBytes = 64 * mebibyte;
export const once = <T>(make: () => T): (() => T) => {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
};
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const strikes = (rows: number): number[] => Array.from({ length: rows }, (_, row) => 60 + (row % 8_000) / 100);

const option = { spot: 100, strike: 105, time_to_expiry: 0.5, rate: 0.03, volatility: 0.2, option_type: 'put' };

const americanRows = {
  columns: { ...option, strike: strikes(100_000), precision: 'high' },
  model: 'andersen_lake',
  exercise_style: 'american',
};

const emptyRows = (bytes: number): string => {
  const [head, tail] = ['{"options":[{}', ']}'];
  return head + ',{}'.repeat(Math.floor((bytes - head.length - tail.length) / 3)) + tail;
};

const americanPut = {
  model: 'andersen_lake',
  exercise_style: 'american',
  option_type: 'put',
  spot: 100,
  strike: 100,
} as const;

/** The bodies of the attacks. Each body is made at its first use. */
export const payloads = {
  /** 65 KB that decompress to 64 MiB: 22 million empty objects. */
  gzipOfRows: once(() => gzipSync(emptyRows(unpackedBytes), { level: 9 })),
  gzipOfZeros: once(() => gzipSync(Buffer.alloc(4 * unpackedBytes), { level: 9 })),
  brotliOfRows: once(() =>
    brotliCompressSync(emptyRows(unpackedBytes), { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }),
  ),
  /** 14 bytes that decompress to 16 MB. The decompressor takes all of it before it emits the first byte. */
  brotliWindow: once(() =>
    brotliCompressSync(Buffer.alloc(2 ** 24), { params: { [constants.BROTLI_PARAM_LGWIN]: 24 } }),
  ),
  /** The beginning of a gzip body that decompresses to so many blanks, up to a place where other blocks can follow. */
  openGzip: (bytes: number): Buffer =>
    gzipSync(Buffer.concat([Buffer.from('{"options":['), Buffer.alloc(bytes, ' ')]), {
      level: 9,
      finishFlush: constants.Z_SYNC_FLUSH,
    }),
  /** 0.5 KB of zstd that decompress to 16 MiB of blanks, the max size whose ratio does not count. */
  zstdOfBlanks: once(() => zstdCompressSync(Buffer.alloc(2 ** 24, ' '))),
  /** 4 MB of rows that a universe refuses, because it does not contain the symbols. */
  uploadOfUnknownSymbols: once(() =>
    Buffer.from(
      `symbol,date,close\n${Array.from({ length: 200_000 }, (_, row) => `X${row % 999},2024-01-02,1.5`).join('\n')}\n`,
    ),
  ),
  /** A CSV file of 256 MiB with a header and only empty lines. */
  gzipOfEmptyLines: once(() =>
    gzipSync(Buffer.concat([Buffer.from('symbol,date,close\n'), Buffer.alloc(4 * unpackedBytes, 10)]), { level: 9 }),
  ),
  wideCsv: once(() => {
    const columns = Array.from({ length: 1_000_000 }, (_, number) => `c${number}`).join(',');
    return Buffer.from(`symbol,date,close,${columns}\nA,2024-01-02,1${','.repeat(1_000_000)}\n`);
  }),
  /** One quoted value of 16 MiB, then values of 64 KiB in many rows. */
  hugeTextCsv: once(() => {
    const row = `${'y'.repeat(65_536)},2024-01-02,1\n`;
    return Buffer.from(`symbol,date,close\n"${'x'.repeat(16 * mebibyte)}",2024-01-02,1\n${row.repeat(64)}`);
  }),
  tooManyRows: once(() => Buffer.from(emptyRows(mebibyte))),
  /** One row with 200,000 different members. */
  manyMembers: once(() => {
    const members = Array.from({ length: 200_000 }, (_, number) => `"m${number}":0`);
    return Buffer.from(`{"options":[{${members.join(',')}}]}`);
  }),
  /** Chunked encoding in which every chunk is one byte. */
  tinyChunks: once(() => Buffer.from(`${'1\r\n \r\n'.repeat(200_000)}0\r\n\r\n`)),
  deepJson: once(() => Buffer.from(`{"options":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)),
  /** Arrow streams with one changed byte. See testkit/arrow/streams/README.md. */
  wrongLengthArrow: once(() => [1, 2].map((number) => Buffer.from(streamFile(`arrow-wrong-length-${number}`)))),
  /** The answer has about 30 MB. */
  largeAnswer: once(() =>
    json({ columns: { ...option, strike: strikes(100_000) }, outputs: ['price', ...greekNames] }),
  ),
  americanPrices: once(() => json(americanRows)),
  americanGreeks: once(() => json({ ...americanRows, outputs: ['price', 'delta', 'gamma', 'vega'] })),
  /** Needs about 0.5 s of processor time. */
  slowBatch: once(() => json({ columns: { ...option, strike: strikes(2_000) }, model: 'binomial_lr' })),
  /** Needs about 0.1 s of processor time. */
  slowPrice: once(() => json({ ...option, model: 'binomial_lr', exercise_style: 'american', steps: 10_001 })),
  /** Greeks of an option with two exercise boundaries: about 0.6 s of processor time. A row cannot be interrupted. */
  twoBoundaries: once(() =>
    json({ ...americanPut, time_to_expiry: 1, rate: -0.01, dividend_yield: -0.02, volatility: 0.2 }),
  ),
  /** Greeks on grids of an option with nearly no time. They take 9 to 25 ms, a hundred times as long as their estimate was. */
  nearlyNoTime: once(() =>
    json({
      ...option,
      model: 'finite_difference',
      exercise_style: 'american',
      spot: 97.7,
      strike: 107.85,
      time_to_expiry: 4.27e-13,
      rate: 1.4e-7,
      volatility: 0,
      outputs: ['delta', 'vega', 'vanna', 'volga', 'charm'],
    }),
  ),
  /** A search for the volatility of an option with two exercise boundaries, with a price just above spot less strike: 70 prices and 8 s before 0345. */
  longSearch: once(() =>
    json({
      ...americanPut,
      option_type: 'call',
      precision: 'high',
      strike: 40.36466872865285,
      time_to_expiry: 0.11098785625828163,
      rate: -0.5732918712706382,
      dividend_yield: -0.010391471330103066,
      price: 59.63533127143922,
    }),
  ),
  /** Greeks of an option for which the errors of rounding are larger than the tolerance of an integral. */
  nearlyNoVolatility: once(() =>
    json({
      ...option,
      exercise_style: 'american',
      strike: 100,
      time_to_expiry: 200,
      dividend_yield: 0.03,
      volatility: 6.658933065114633e-9,
    }),
  ),
  /** 255 rows that take no time, and 256 slow ones. */
  slowRowsBehindFast: once(() => {
    const fast = Array.from({ length: 255 }, () => ({ ...option, volatility: 0 }));
    return json({ options: [...fast, ...Array.from({ length: 256 }, () => deepCall)] });
  }),
  /** An American option with a price that no volatility gives. The search takes about 0.1 s of processor time. */
  impossiblePrice: once(() => json({ ...americanPut, time_to_expiry: 1.69, rate: 0.273, price: 100 })),
  /** An option with a rate of nearly 0. It takes about 15 ms, a thousand times as long as its estimate was. */
  nearlyNoRate: once(() => json(nearlyNoRate)),
  /** 38 searches that find a volatility after about 0.12 s each, where the estimate says 2.5 ms. */
  slowSearches: once(() =>
    json({
      columns: {
        model: 'andersen_lake',
        exercise_style: 'american',
        option_type: 'put',
        spot: 100,
        strike: 50.420054823233194,
        time_to_expiry: 2.402778488522569,
        rate: 0.16088861151740028,
        price: Array.from({ length: 38 }, (_, row) => 50.288373572091686 + row * 1e-6),
      },
      outputs: ['implied_volatility'],
    }),
  ),
  /** Rows of one member each, whose name is compared with the names of all inputs. */
  unknownNames: once(() =>
    json({ options: Array.from({ length: 800 }, (_, row) => ({ [`q${row}_`.padEnd(64, 'zxpwspttimk')]: 1 })) }),
  ),
  /** 150 KB of an Arrow stream whose 900 entries of metadata are the same 131,070 bytes. */
  sharedMetadata: once(() => {
    const more = Object.fromEntries(Array.from({ length: 900 }, (_, entry) => [`k${entry}`, '']));
    const metadata = { pandas: '\u3042'.repeat(43_690), ...more };
    return Buffer.from(withSharedMetadata(arrowStream({ spot: [100] }, { metadata })));
  }),
  /** 64 KB: 3,600 texts that cannot be stored, below a name of 32,000 characters that are escaped in a pointer. */
  unstorableTexts: once(() =>
    json({ ['~'.repeat(32_000)]: Array.from({ length: 4 }, () => Array.from({ length: 900 }, () => '\0')) }),
  ),
  /** 64 KB, whose errors have the name of 63,000 characters. */
  longName: once(() => json({ ['n'.repeat(63_000)]: Array.from({ length: 20 }, () => '\0') })),
  /** 18 MB, whose parsed values would take 800 MB. */
  numberedMembers: once(() => {
    const row = { spot: Array.from({ length: 50 }, () => ({ 35: 1 })) };
    return json({ options: Array.from({ length: 40_000 }, () => row) });
  }),
  /** A small body with 4,000 greeks of an American option, about 48 s of work. */
  largeGrid: once(() =>
    json({
      option: {
        ...option,
        model: 'andersen_lake',
        exercise_style: 'american',
        option_type: 'put',
        dividend_yield: 0.02,
      },
      spot_shifts: Array.from({ length: 40 }, (_, step) => -0.2 + step * 0.01),
      volatility_shifts: Array.from({ length: 100 }, (_, step) => step * 0.003),
      outputs: ['delta', 'gamma', 'vega'],
    }),
  ),
  /** 39 KB of rows whose errors are an answer of 2 MB. */
  emptyRows: once(() => Buffer.from(`{"options":[${'{},'.repeat(13_000)}{}]}`)),
  /** 2 KB with a grid of 100,000 nodes, whose answer has 26 MB. */
  longAnswer: once(() => {
    const shifts = (count: number, from: number, step: number): number[] =>
      Array.from({ length: count }, (_, at) => Number((from + at * step).toFixed(5)));
    return json({
      option: { ...option, option_type: 'call' },
      spot_shifts: shifts(250, -0.3, 0.002),
      volatility_shifts: shifts(40, 0, 0.001),
      days: shifts(10, 0, 1),
      outputs: ['delta', 'gamma', 'vega', 'theta', 'rho'],
    });
  }),
  /** 30 KB of columns, whose answer with all outputs has 3.4 MB. */
  manyOutputs: once(() => {
    const strike = Array.from({ length: 10_000 }, (_, row) => 60 + (row % 40));
    return json({ columns: { ...option, strike }, outputs: ['price', ...greekNames] });
  }),
  /** 1.2 KB with a grid of 10,000 nodes, whose answer with all outputs and their totals has 7 MB. */
  gridOfOutputs: once(() =>
    json({
      option,
      spot_shifts: Array.from({ length: 100 }, (_, step) => step / 1_000),
      days: Array.from({ length: 100 }, (_, day) => day),
      outputs: greekNames,
    }),
  ),
  /** A search for a volatility, whose estimate was 6 ms: at 0.2 the option has a known price, and at 100 it needs grids. */
  searchAtExpiry: once(() => {
    const years = 2e-21;
    return json({
      model: 'finite_difference',
      exercise_style: 'american',
      option_type: 'call',
      spot: 100,
      strike: 99.99999997738426,
      time_to_expiry: years,
      rate: 0,
      price: 2.2616187564915746e-8,
      dividends: Array.from({ length: 300 }, (_, row) => ({ time: (years * (row + 1)) / 302, amount: 1e-30 })),
    });
  }),
  /** 37 KB of dividends with dates. Each request had held the event loop for 7 ms. */
  datedDividends: once(() => {
    const dividends = Array.from({ length: 1_000 }, (_, day) => ({
      date: new Date(Date.UTC(2026, 0, 2 + day)).toISOString().slice(0, 10),
      amount: 0.001,
    }));
    const { time_to_expiry: _, ...dated } = option;
    return json({ ...dated, option_type: 'call', valuation_date: '2026-01-01', expiry: '2030-01-01', dividends });
  }),
  /** Quotes that no parameters fit, so that the search does not converge. */
  hardCalibration: once(() =>
    json({
      spot: 100,
      rate: 0.02,
      max_iterations: 500,
      quotes: Array.from({ length: 20 }, (_, quote) => ({
        strike: 70 + 3 * quote,
        time_to_expiry: 0.1 + 0.1 * (quote % 10),
        option_type: 'call',
        implied_volatility: 0.1 + ((quote * 37) % 50) / 100,
      })),
    }),
  ),
  /** 4 MB of valid rows. The numbers differ, so that the body is not a compression bomb. */
  jobChunk: once(() => {
    const column = (from: number, width: number): Float64Array =>
      Float64Array.from({ length: 100_000 }, () => from + width * Math.random());
    const table = tableFromArrays({
      spot: column(90, 20),
      strike: column(80, 40),
      time_to_expiry: column(0.1, 2),
      rate: column(0, 0.05),
      volatility: column(0.1, 0.4),
      option_type: Array.from({ length: 100_000 }, () => 'call'),
    });
    return Buffer.from(tableToIPC(table, 'stream'));
  }),
  /** 16 MB: a million dividends whose date is a view of one text, which is longer than a date. */
  arrowViews: once(() => {
    const dividends = dividendsOf(1_000_000, 10, `\u0100${'a'.repeat(69)}`);
    return Buffer.from(streamOf({ spot: numbersOf(10), strike: numbersOf(10), dividends }));
  }),
  /** Texts that repeat the start of a credential many times. */
  credentialPrefixes: once(() =>
    ['eyJ', 'Bearer ', 'a@', 'http://', 'token=', 'a.b@c.', 'x:y@'].map((text) => text.repeat(7_000 / text.length)),
  ),
} as const;
