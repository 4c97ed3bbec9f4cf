import type { AppError } from '#src/kernel/catalogue/errors.ts';
import type { NearestOf } from '#src/kernel/lists/near-names.ts';
import { quoted } from '#src/kernel/requests/nearest-name.ts';
import { invalidRequest } from './failures.ts';
import { realisedVolatility, realisedWindowDays, type Close, type Closes } from '../forecast/closes.ts';
import { isRequired } from '../models/inputs.ts';
import type { Model } from '../models/models.ts';
import { SYMBOL } from './read-extras.ts';
import type { Row } from './rows.ts';

/** The sources of the inputs that were filled in from the symbol of the request. */
export type InputsFrom = {
  readonly symbol: string;
  /** Date of the last stored close. */
  readonly as_of: string;
  readonly spot?: 'last_close';
  readonly volatility?: 'realised_volatility';
};

/** A smaller realised volatility comes from rounding: the closes do not vary. */
const minRealisedVolatility = 1e-9;

const symbolError = (detail: string): AppError =>
  invalidRequest([{ pointer: '/symbol', code: 'invalid_value', detail }]);

const unknownSymbolText = async (symbol: string, nearestAsset: NearestOf): Promise<string> => {
  const near = await nearestAsset(symbol);
  const text = `symbol ${quoted(symbol)} is unknown`;
  return near === undefined || near === symbol
    ? `${text}: GET /assets lists the known ones`
    : `${text}; did you mean ${near}?`;
};

/** @throws AppError `validation_failed` at /symbol if there is no realised volatility */
const realisedOf = (stored: readonly Close[]): number => {
  const realised = realisedVolatility(stored);
  if (realised === undefined) throw symbolError('Too few closes are stored for a realised volatility');
  if (Number.isFinite(realised) && realised > minRealisedVolatility) return realised;
  throw symbolError('The stored closes do not vary, so there is no realised volatility: send the volatility');
};

/**
 * Fills in spot and volatility from the closes of the symbol, if the request has a symbol and lacks them.
 * @param wanted the numbers that the operation reads
 * @throws AppError `validation_failed` at /symbol if there is no such asset or it has too few closes
 */
export const fillFromSymbol = async (
  row: Row,
  model: Model,
  wanted: readonly string[],
  { closes, nearestAsset }: { readonly closes: Closes; readonly nearestAsset: NearestOf },
): Promise<{ readonly row: Row; readonly inputsFrom?: InputsFrom }> => {
  const { symbol } = row;
  if (!model.extras.includes('symbol') || typeof symbol !== 'string' || !SYMBOL.test(symbol)) return { row };
  const lacks = (name: string): boolean =>
    wanted.includes(name) &&
    row[name] === undefined &&
    model.numbers.some((input) => input.name === name && isRequired(input));
  const spot = lacks('spot');
  const volatility = lacks('volatility');
  if (!spot && !volatility) return { row };
  const stored = await closes(symbol, realisedWindowDays);
  const last = stored?.at(-1);
  if (stored === undefined) throw symbolError(await unknownSymbolText(symbol, nearestAsset));
  if (last === undefined) throw symbolError(`No close of ${symbol} is stored: send the spot and the volatility`);
  const realised = volatility ? realisedOf(stored) : undefined;
  return {
    row: { ...row, ...(spot ? { spot: last.close } : {}), ...(volatility ? { volatility: realised } : {}) },
    inputsFrom: {
      symbol,
      as_of: last.date,
      ...(spot ? { spot: 'last_close' as const } : {}),
      ...(volatility ? { volatility: 'realised_volatility' as const } : {}),
    },
  };
};
