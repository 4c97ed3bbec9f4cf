import type { Precision } from '../engines/american/andersen-lake-scheme.ts';
import type { Inversion, Refusal } from '../engines/european/implied.ts';

export const optionTypes = ['call', 'put'] as const;
type OptionType = (typeof optionTypes)[number];
export const exerciseStyles = ['european', 'american'] as const;
export type ExerciseStyle = (typeof exerciseStyles)[number];

type Common = {
  readonly model: string;
  readonly option_type: OptionType;
  readonly exercise_style: ExerciseStyle;
  readonly strike: number;
  /** Years. */
  readonly time_to_expiry: number;
  /** Continuously compounded, per year. */
  readonly rate: number;
  /** Per square root of a year; absolute (price units) for bachelier. */
  readonly volatility: number;
};
export type DividendPayment = { readonly time: number; readonly amount: number };
export type HestonInputs = {
  readonly v0: number;
  readonly kappa: number;
  readonly theta: number;
  readonly sigma: number;
  readonly rho: number;
};

/** A validated option on a spot price, defaults filled in; also what the answer echoes. */
export type SpotOption = Common & {
  readonly spot: number;
  readonly dividend_yield: number;
  readonly symbol?: string;
  /** Discrete dividends, in place of the yield, and the model that they are priced by. */
  readonly dividends?: readonly DividendPayment[];
  readonly dividend_model?: 'escrowed';
  /** Of andersen_lake. */
  readonly precision?: Precision;
  /** Of binomial_lr. */
  readonly steps?: number;
};
/** A validated option under Heston's model: the volatility is echoed only. */
export type HestonOption = Omit<SpotOption, 'volatility'> & {
  readonly volatility?: number;
  readonly heston: HestonInputs;
};
/** A validated option on a forward price. */
export type ForwardOption = Common & { readonly forward: number };
export type Option = SpotOption | ForwardOption | HestonOption;

/**
 * One pricing method. Pure: no clock, no I/O, no state between calls. A limit that does not exist is written as NaN or
 * an infinity, which the caller turns into `pricing_calculation_failed` when that output was asked for.
 */
export type PricingEngine<O extends Option = Option> = {
  readonly price: (option: O) => number;
  /** Writes price and all greeks, in the order of `outputNames`. */
  readonly evaluate: (option: O, out: Float64Array) => void;
  /** Price, the five first-order greeks and gamma alone, where that is faster than all. */
  readonly firstOrder?: (option: O, out: Float64Array) => void;
  /** The volatility at which the option, whatever its own, has the given price. */
  readonly impliedVolatility?: (option: O, price: number) => Inversion;
  /** Why the price has no finite value. */
  readonly refusal?: (option: O) => Refusal | undefined;
};

/** +1 for a call, -1 for a put. */
export const signOf = (option: Option): 1 | -1 => (option.option_type === 'call' ? 1 : -1);
