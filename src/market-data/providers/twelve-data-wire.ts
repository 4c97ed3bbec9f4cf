import { z } from 'zod';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { checkItems, placeOfFault, secondsToNextMinute } from '#src/kernel/http-answers.ts';
import type { PriceBar } from './provider.ts';
import { throttled } from './http/provider-requests.ts';

/**
 * Twelve Data sends numbers as strings. `NaN`, an empty text and exponents are refused. JSON numbers are accepted too.
 */
const decimal = z.union([
  z.number(),
  z
    .string()
    .regex(/^-?\d{1,18}(\.\d{1,18})?$/)
    .transform(Number),
]);

/** `YYYY-MM-DD` with an optional time of day, in the time zone of the exchange. The date is the trading day. */
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
  values: z.array(z.unknown()),
  status: z.literal('ok'),
});

const refusalSchema = z.object({ status: z.literal('error'), code: z.int() });

/** Symbols and interval of one request. */
export type SeriesRequest = { readonly symbols: readonly string[]; readonly interval: string };

export type WireSeries = { readonly currency: string | undefined; readonly bars: readonly PriceBar[] };

const badResponse = (problem: string, cause?: unknown): AppError =>
  new AppError('external_api_bad_response', `The market data provider answered with ${problem}`, { cause });

/** An empty page of a known symbol has the code 400 ("No data is available on the specified dates") or 404. */
const noDataCodes: ReadonlySet<number> = new Set([400, 404]);

const notAsDocumented = (error: z.ZodError, before?: readonly PropertyKey[]): AppError =>
  badResponse(`a body that does not match its schema at ${placeOfFault(error, before)}`, error);

const readSeries = async (
  symbol: string,
  body: unknown,
  interval: string,
  signal: AbortSignal,
): Promise<WireSeries | undefined> => {
  const refused = refusalSchema.safeParse(body);
  if (refused.success) {
    if (noDataCodes.has(refused.data.code)) return undefined;
    // In a request for several symbols, the symbols without enough credits get the error 429.
    if (refused.data.code === 429) throw throttled(secondsToNextMinute(Date.now()));
    throw badResponse(`error ${refused.data.code}`);
  }
  const parsed = seriesSchema.safeParse(body);
  if (!parsed.success) throw notAsDocumented(parsed.error);
  const { meta, values } = parsed.data;
  if (meta.symbol !== symbol || meta.interval !== interval) throw badResponse('a series that was not requested');
  const wrong = (error: z.ZodError, index: number): AppError => notAsDocumented(error, ['values', index]);
  const bars = await checkItems(values, barSchema, wrong, signal);
  return {
    currency: meta.currency ?? undefined,
    bars: bars.map(({ datetime: date, volume = null, ...prices }) => ({ date, ...prices, volume })),
  };
};

/**
 * Parses a `time_series` answer. The body is one series for a single symbol, or an object of series by symbol.
 * @returns the series by symbol, without the symbols that have no data
 * @throws AppError `external_api_bad_response` if the body is not as documented, `external_api_unavailable` for error
 *   429
 */
export const readTimeSeries = async (
  { symbols, interval }: SeriesRequest,
  body: unknown,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, WireSeries>> => {
  const [first = ''] = symbols;
  const single = symbols.length === 1;
  const answers = z.record(z.string(), z.unknown()).safeParse(single ? { [first]: body } : body);
  if (!answers.success) throw notAsDocumented(answers.error);
  const refused = refusalSchema.safeParse(body);
  if (!single && refused.success) throw badResponse(`error ${refused.data.code}`);
  const found = new Map<string, WireSeries>();
  for (const symbol of symbols) {
    const answer = answers.data[symbol] ?? { status: 'error', code: 404 };
    const series = await readSeries(symbol, answer, interval, signal);
    if (series) found.set(symbol, series);
  }
  return found;
};
