import { z } from 'zod';
import type { AppError } from '#src/kernel/catalogue/errors.ts';
import { checkItems, placeOfFault } from '#src/kernel/http-answers.ts';
import type { PriceBar } from './provider.ts';
import { badResponse } from './http/provider-requests.ts';

/** A time of midnight in UTC. The date is the trading day. */
const tradingDay = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}(T00:00:00(\.0{1,6})?(Z|\+00:00))?$/)
  .transform((date) => date.slice(0, 10));

/** Old bars have 0 where a price is not known. */
const knownPrice = z
  .number()
  .nullish()
  .transform((price) => price || null);

/**
 * A bar with the prices as they were traded, and the dividend and the split whose ex-date it is. `divCash` is 0 and
 * `splitFactor` is 1 on other days. Both are required, because prices without their splits are wrong. The adjusted prices
 * (`adjClose` and the like) are not used: they change with each dividend.
 */
const barSchema = z.object({
  date: tradingDay,
  open: knownPrice,
  high: knownPrice,
  low: knownPrice,
  close: z.number(),
  volume: z.number().nullish(),
  divCash: z.number(),
  splitFactor: z.number(),
});

const notAsDocumented = (place: string, cause?: z.ZodError): AppError =>
  badResponse(`answered with a body that does not match its schema at ${place}`, cause);

/**
 * Parses the answer for one ticker.
 * @returns the daily bars, oldest first
 * @throws AppError `external_api_bad_response` if the body is not as documented
 */
export const readTiingoBars = async (body: unknown, signal?: AbortSignal): Promise<PriceBar[]> => {
  if (!Array.isArray(body)) throw notAsDocumented('/');
  const wrong = (error: z.ZodError, index: number): AppError => notAsDocumented(placeOfFault(error, [index]), error);
  const bars = await checkItems(body, barSchema, wrong, signal);
  return bars
    .map(({ divCash, splitFactor, volume = null, ...bar }) => ({
      ...bar,
      volume,
      dividend: divCash === 0 ? null : divCash,
      splitFactor: splitFactor === 1 ? null : splitFactor,
    }))
    .toSorted((a, b) => (a.date < b.date ? -1 : 1));
};
