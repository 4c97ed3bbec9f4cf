import type { FieldError } from '#src/kernel/catalogue/errors.ts';
import { blackScholesPrice } from '../engines/european/black-scholes.ts';
import { blackScholesImpliedVolatility } from '../engines/european/implied-black.ts';
import { impliedRefusal } from '../engines/european/implied.ts';
import { resolveRow } from '../request/conventions/resolve-row.ts';
import { kindOf, memberError, notTogetherText } from '../request/messages.ts';
import { typeError } from '../request/read-option.ts';
import { isRow, type Row } from '../request/rows.ts';
import {
  quoteMembers,
  quotePrice,
  quoteStrike,
  quoteTime,
  quoteVolatility,
  quoteWeight,
} from './calibration-members.ts';
import { readNumber, refuseUnknown } from './read-parameters.ts';

/** A quote with its price and its implied volatility, of which the caller sent one. */
export type Quote = {
  readonly strike: number;
  /** Years. */
  readonly time: number;
  readonly type: 'call' | 'put';
  readonly price: number;
  readonly volatility: number;
  readonly weight: number;
};

export type Market = {
  readonly spot: number;
  readonly rate: number;
  readonly dividendYield: number;
  /** `valuation_date`, `day_count` and `calendar`, as they were sent. */
  readonly dates: Row;
};

const aliases: Readonly<Record<string, string>> = {
  k: 'strike',
  strikeprice: 'strike',
  t: 'time_to_expiry',
  tau: 'time_to_expiry',
  maturity: 'time_to_expiry',
  expiration: 'expiry',
  expirationdate: 'expiry',
  maturitydate: 'expiry',
  type: 'option_type',
  right: 'option_type',
  callput: 'option_type',
  iv: 'implied_volatility',
  vol: 'implied_volatility',
  volatility: 'implied_volatility',
  impliedvol: 'implied_volatility',
  premium: 'price',
  marketprice: 'price',
  mid: 'price',
  w: 'weight',
};

/** A quote, for messages. */
export const quoteExample = '{"strike": 105, "time_to_expiry": 0.5, "option_type": "call", "implied_volatility": 0.2}';

const isDated = ({ expiry, contract }: Row): boolean => expiry !== undefined || contract !== undefined;

/** The price and the volatility; undefined if they have an error, which is added. */
const readValue = (
  row: Row,
  { strike, time, type }: Pick<Quote, 'strike' | 'time' | 'type'>,
  { spot, rate, dividendYield }: Market,
  at: string,
  errors: FieldError[],
): Pick<Quote, 'price' | 'volatility'> | undefined => {
  const { price: givenPrice, implied_volatility: givenVolatility } = row;
  if (givenPrice !== undefined && givenVolatility !== undefined) {
    const detail = notTogetherText('implied_volatility', 'price');
    errors.push(memberError(at, 'implied_volatility', 'conflict', detail));
    return undefined;
  }
  if (givenPrice === undefined && givenVolatility === undefined) {
    errors.push(
      memberError(at, 'price', 'required', 'price is required: send the price of the market, or implied_volatility'),
    );
    return undefined;
  }
  const input = givenPrice === undefined ? quoteVolatility : quotePrice;
  const value = readNumber(row, input, at, errors);
  // The other value needs these.
  if (![value, strike, time, spot, rate, dividendYield].every(Number.isFinite)) return undefined;
  const sign = type === 'call' ? 1 : -1;
  const market = [spot, strike, time, rate, dividendYield] as const;
  const refuse = (detail: string): undefined => {
    errors.push(memberError(at, input.name, 'out_of_range', `${detail}, so it cannot be fitted: remove the quote`));
  };
  if (givenPrice === undefined) {
    // The volatility is fitted by the price of the option that is out of the money, because it has more digits.
    const outOfTheMoney = spot * Math.exp((rate - dividendYield) * time) <= strike ? 1 : -1;
    const fitted = blackScholesPrice(...market, value, outOfTheMoney);
    const found = blackScholesImpliedVolatility(fitted, ...market, outOfTheMoney);
    if (!(found > 0)) return refuse(impliedRefusal(found).detail);
    return { price: blackScholesPrice(...market, value, sign), volatility: value };
  }
  const volatility = blackScholesImpliedVolatility(value, ...market, sign);
  return volatility > 0 ? { price: value, volatility } : refuse(impliedRefusal(volatility).detail);
};

/** A quote; undefined if it has errors, which are added. */
export const readQuote = (given: unknown, market: Market, at: string, errors: FieldError[]): Quote | undefined => {
  const before = errors.length;
  if (!isRow(given)) {
    errors.push({
      pointer: at,
      code: 'invalid_type',
      detail: `each item of quotes must be an object such as ${quoteExample}, not ${kindOf(given)}`,
    });
    return undefined;
  }
  refuseUnknown(given, quoteMembers, { at, what: 'a quote', aliases }, errors);
  const resolved = isDated(given) ? resolveRow({ ...given, ...market.dates }, at) : { row: given };
  if (Array.isArray(resolved)) {
    errors.push(...resolved);
    return undefined;
  }
  const { row } = resolved;
  const { option_type: type } = row;
  if (type !== 'call' && type !== 'put') errors.push(typeError(at, type));
  const strike = readNumber(row, quoteStrike, at, errors);
  const { time_to_expiry: years } = row;
  if (isDated(given) && years === 0) {
    errors.push(memberError(at, 'expiry', 'out_of_range', 'expiry must be after valuation_date: remove the quote'));
    return undefined;
  }
  const time = readNumber(row, quoteTime, at, errors);
  const weight = readNumber(row, quoteWeight, at, errors);
  if (errors.length > before && (type === undefined || Number.isNaN(time))) return undefined;
  const own = { strike, time, type: type as Quote['type'] };
  const value = readValue(row, own, market, at, errors);
  return value === undefined || errors.length > before ? undefined : { ...own, ...value, weight };
};
