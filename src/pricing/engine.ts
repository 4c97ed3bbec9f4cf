export const optionTypes = ['call', 'put'] as const;
export type OptionType = (typeof optionTypes)[number];
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
/** A validated option on a spot price, defaults filled in; also what the answer echoes. */
export type SpotOption = Common & {
  readonly spot: number;
  readonly dividend_yield: number;
  readonly symbol?: string;
};
/** A validated option on a forward price. */
export type ForwardOption = Common & { readonly forward: number };
export type Option = SpotOption | ForwardOption;

/**
 * One pricing method. Pure: no clock, no I/O, no state between calls. A limit that does not exist is written as NaN or
 * an infinity, which the caller turns into `pricing_calculation_failed` when that output was asked for.
 */
export type PricingEngine<O extends Option = Option> = {
  readonly price: (option: O) => number;
  /** Writes price and all greeks, in the order of `outputNames`. */
  readonly evaluate: (option: O, out: Float64Array) => void;
};

/** +1 for a call, -1 for a put. */
export const signOf = (option: Option): 1 | -1 => (option.option_type === 'call' ? 1 : -1);
