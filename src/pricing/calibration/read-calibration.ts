import { AppError, type FieldError } from '#src/kernel/catalogue/errors.ts';
import { memberPointer } from '#src/kernel/json-pointer.ts';
import { describeJsonShapeFault, jsonShapeFault } from '#src/kernel/requests/json-shape.ts';
import { dividendYield, rate, spot } from '../models/inputs.ts';
import { needsValuationDate } from '../request/conventions/resolve-row.ts';
import { invalidRequest } from '../request/failures.ts';
import { choiceText, kindOf, memberError } from '../request/messages.ts';
import { parseJsonBytes } from '../request/parse-json-bytes.ts';
import { isRow, type Row } from '../request/rows.ts';
import {
  iterationsInput,
  maxExpiries,
  maxQuotes,
  objectives,
  quoteMembers,
  requestMembers,
  type Objective,
} from './calibration-members.ts';
import { readNumber, readParameters, refuseUnknown, type ParameterSettings } from './read-parameters.ts';
import { quoteExample, readQuote, type Market, type Quote } from './read-quote.ts';

export type { Quote } from './read-quote.ts';

/** A valid request to calibrate. */
export type CalibrationInputs = ParameterSettings & {
  readonly spot: number;
  readonly rate: number;
  readonly dividendYield: number;
  readonly quotes: readonly Quote[];
  readonly objective: Objective;
  readonly maxIterations: number;
};

/** Errors after which the reading ends. */
const maxErrors = 100;
/** Unknown members of an object that are tolerated before the body is parsed, so that the refusal can name them. */
const unknownMembers = 16;
/** Values outside the quotes: numbers, dates, the initial guess and the bounds. */
const otherValues = 64;

const dateMembers = ['valuation_date', 'day_count', 'calendar'] as const;
const aliases: Readonly<Record<string, string>> = {
  s: 'spot',
  s0: 'spot',
  underlying: 'spot',
  r: 'rate',
  riskfreerate: 'rate',
  q: 'dividend_yield',
  dividend: 'dividend_yield',
  options: 'quotes',
  surface: 'quotes',
  asof: 'valuation_date',
  guess: 'initial_guess',
  start: 'initial_guess',
  maxiterations: 'max_iterations',
};

/** @param count undefined if the quotes are not counted, because there are too many */
const wrongCount = (count?: number): FieldError => ({
  pointer: '/quotes',
  code: 'invalid_length',
  detail: `quotes must have 1 to ${maxQuotes} quotes${count === undefined ? '' : `, not ${count}`}`,
});

/**
 * Checks the size of a body on its bytes, before it is parsed.
 * @throws AppError `validation_failed` for too many quotes, `malformed_body` for too many values, members or levels
 */
const checkShape = (bytes: Uint8Array, maxDepth: number): void => {
  const fault = jsonShapeFault(bytes, {
    maxDepth,
    maxItems: maxQuotes,
    maxMembers: requestMembers.length + unknownMembers,
    maxValues: otherValues + maxQuotes * (1 + quoteMembers.length),
  });
  if (fault === undefined) return;
  const abuse = 'body_structure';
  if (fault.limit === 'items') throw invalidRequest([wrongCount()], abuse);
  throw new AppError('malformed_body', describeJsonShapeFault(fault), { abuse });
};

/** Refuses dates without a quote that is counted from them. */
const refuseUnusedDates = (dates: Row, quotes: readonly unknown[], errors: FieldError[]): void => {
  if (quotes.some((quote) => isRow(quote) && needsValuationDate(quote))) return;
  for (const name of Object.keys(dates)) {
    const detail = `${name} has no effect without a quote with expiry or contract: remove it`;
    errors.push(memberError('', name, 'conflict', detail));
  }
};

/** The shared dates are members of the request. So their errors, which each quote with an expiry has, are named once. */
const sharedErrors = (errors: readonly FieldError[]): FieldError[] => {
  const found = new Map<string, FieldError>();
  for (const error of errors) {
    const shared = dateMembers.find((name) => error.pointer.endsWith(`/${name}`) && error.code !== 'unknown_member');
    const pointer = shared === undefined ? error.pointer : `/${shared}`;
    found.set(`${pointer} ${error.code} ${error.detail}`, { ...error, pointer });
  }
  return [...found.values()];
};

const readQuotes = (body: Row, market: Market, errors: FieldError[]): Quote[] => {
  const given = body['quotes'];
  if (!Array.isArray(given)) {
    const detail =
      given === undefined
        ? `quotes is required: send an array such as [${quoteExample}]`
        : `quotes must be an array of quotes, not ${kindOf(given)}`;
    errors.push(memberError('', 'quotes', given === undefined ? 'required' : 'invalid_type', detail));
    return [];
  }
  if (given.length === 0 || given.length > maxQuotes) errors.push(wrongCount(given.length));
  refuseUnusedDates(market.dates, given, errors);
  const quotes: Quote[] = [];
  for (const [index, quote] of given.entries()) {
    const read = readQuote(quote, market, memberPointer('/quotes', index), errors);
    if (read !== undefined) quotes.push(read);
    if (errors.length >= maxErrors) break;
  }
  const expiries = new Set(quotes.map(({ time }) => time)).size;
  if (expiries > maxExpiries) {
    const detail = `quotes must have at most ${maxExpiries} expiries, not ${expiries}: send fewer expiries`;
    errors.push(memberError('', 'quotes', 'invalid_length', detail));
  }
  return quotes;
};

/**
 * Reads the JSON of a request to calibrate.
 * @throws AppError `malformed_body`, `validation_failed`
 */
export const readCalibration = (bytes: Uint8Array, maxDepth: number): CalibrationInputs => {
  checkShape(bytes, maxDepth);
  const body = parseJsonBytes(bytes);
  if (!isRow(body)) {
    const detail = `The body must be an object with spot, rate and quotes, not ${kindOf(body)}`;
    throw invalidRequest([{ pointer: '', code: 'invalid_type', detail }]);
  }
  const errors: FieldError[] = [];
  refuseUnknown(body, requestMembers, { at: '', what: 'a calibration', aliases }, errors);
  const { objective = objectives[0] } = body;
  if (!objectives.some((known) => known === objective)) {
    errors.push(memberError('', 'objective', 'invalid_value', choiceText('objective', objectives, objective)));
  }
  const market: Market = {
    spot: readNumber(body, spot, '', errors),
    rate: readNumber(body, rate, '', errors),
    dividendYield: readNumber(body, dividendYield, '', errors),
    dates: Object.fromEntries(dateMembers.filter((name) => body[name] !== undefined).map((name) => [name, body[name]])),
  };
  const maxIterations = readNumber(body, iterationsInput, '', errors);
  const parameters = readParameters(body, errors);
  const quotes = readQuotes(body, market, errors);
  if (errors.length > 0) throw invalidRequest(sharedErrors(errors));
  const { dates: _, ...numbers } = market;
  return { ...numbers, ...parameters, quotes, objective: objective as Objective, maxIterations };
};
