import { z } from 'zod';
import { AppError } from '#src/kernel/errors.ts';
import type { PriceBar } from './provider.ts';
import { secondsToNextMinute, throttled } from './twelve-data-http.ts';

/** Numbers come as strings; `NaN`, an empty text and exponents are not numbers. Plain JSON numbers lose nothing. */
const decimal = z.union([
  z.number(),
  z
    .string()
    .regex(/^-?\d{1,18}(\.\d{1,18})?$/)
    .transform(Number),
]);

/** `YYYY-MM-DD`, or with a time of day, in the exchange's own time zone: its date is the trading day. */
const tradingDay = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}( \d{2}:\d{2}:\d{2})?$/)
  .transform((datetime) => datetime.slice(0, 10));

const barSchema = z.object({
  datetime: tradingDay,
  open: decimal,
  high: decimal,
  low: decimal,
  close: decimal,
  volume: decimal.nullish(),
});

const seriesSchema = z.object({
  meta: z.object({ symbol: z.string(), interval: z.string(), currency: z.string().nullish() }),
  values: z.array(barSchema),
  status: z.literal('ok'),
});

const refusalSchema = z.object({ status: z.literal('error'), code: z.int() });

/** What one request asked for. */
export type Asked = { readonly symbols: readonly string[]; readonly interval: string };

export type WireSeries = { readonly currency: string | undefined; readonly bars: readonly PriceBar[] };

const bad = (what: string, cause?: unknown): AppError =>
  new AppError('external_api_bad_response', `The market data provider answered with ${what}`, { cause });

/** 400 "No data is available on the specified dates" and 404 stand for an empty page of a known symbol too. */
const noDataCodes: ReadonlySet<number> = new Set([400, 404]);

/** Where and how the answer breaks the schema, without a value of it. */
const describe = (error: z.ZodError): string => {
  const [issue] = error.issues;
  return `a body that breaks its schema at /${issue?.path.map(String).join('/') ?? ''}`;
};

const readSeries = (symbol: string, body: unknown, interval: string): WireSeries | undefined => {
  const refused = refusalSchema.safeParse(body);
  if (refused.success) {
    if (noDataCodes.has(refused.data.code)) return undefined;
    // A batch is answered as far as the credits go.
    if (refused.data.code === 429) throw throttled(secondsToNextMinute(Date.now()));
    throw bad(`error ${refused.data.code}`);
  }
  const parsed = seriesSchema.safeParse(body);
  if (!parsed.success) throw bad(describe(parsed.error), parsed.error);
  const { meta, values } = parsed.data;
  if (meta.symbol !== symbol || meta.interval !== interval) throw bad('a series that was not asked for');
  return {
    currency: meta.currency ?? undefined,
    bars: values.map(({ datetime: date, volume = null, ...prices }) => ({ date, ...prices, volume })),
  };
};

/**
 * Reads a `time_series` answer: one series for a single symbol, an object by symbol for several. A symbol that has no
 * data is left out.
 * @throws AppError `external_api_bad_response` for anything else that does not look as documented
 */
export const readTimeSeries = ({ symbols, interval }: Asked, body: unknown): ReadonlyMap<string, WireSeries> => {
  const [first = ''] = symbols;
  const single = symbols.length === 1;
  const answers = z.record(z.string(), z.unknown()).safeParse(single ? { [first]: body } : body);
  if (!answers.success) throw bad(describe(answers.error), answers.error);
  const refused = refusalSchema.safeParse(body);
  if (!single && refused.success) throw bad(`error ${refused.data.code}`);
  const found = new Map<string, WireSeries>();
  for (const symbol of symbols) {
    const series = readSeries(symbol, answers.data[symbol] ?? { status: 'error', code: 404 }, interval);
    if (series) found.set(symbol, series);
  }
  return found;
};
