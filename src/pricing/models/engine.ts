import type { Precision } from '../engines/american/precision.ts';
import type { BarrierType } from '../engines/exotic/barrier-types.ts';
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
/**
 * `escrowed`: the spot less the value of the dividends until expiry follows the geometric Brownian motion. `spot`: the spot
 * does, and it falls by each dividend.
 */
export const dividendModels = ['escrowed', 'spot'] as const;
export type DividendModel = (typeof dividendModels)[number];
export type DividendPayment = { readonly time: number; readonly amount: number };
export type HestonInputs = {
  readonly v0: number;
  readonly kappa: number;
  readonly theta: number;
  readonly sigma: number;
  readonly rho: number;
};

/** A validated option on a spot price, with defaults filled in. The answer echoes it. */
export type SpotOption = Common & {
  readonly spot: number;
  readonly dividend_yield: number;
  readonly symbol?: string;
  /** Discrete dividends that replace the yield, and the model for them. */
  readonly dividends?: readonly DividendPayment[];
  readonly dividend_model?: DividendModel;
  /** Only for andersen_lake. */
  readonly precision?: Precision;
  /** Only for binomial_lr. */
  readonly steps?: number;
};
/** A validated option under Heston's model. The volatility is only echoed. */
export type HestonOption = Omit<SpotOption, 'volatility'> & {
  readonly volatility?: number;
  readonly heston: HestonInputs;
};
/** A validated option on a forward price. */
export type ForwardOption = Common & { readonly forward: number };
/** A validated option with one barrier. */
export type BarrierOption = Omit<SpotOption, 'dividends'> & {
  readonly barrier_type: BarrierType;
  readonly barrier: number;
  readonly rebate: number;
};
/** A validated digital option. `cash` is absent if the asset is paid. */
export type DigitalOption = Omit<SpotOption, 'dividends'> & { readonly cash?: number };
export type Option = SpotOption | ForwardOption | HestonOption | BarrierOption | DigitalOption;

/**
 * One pricing method. Pure: no I/O, no state between calls, and no clock, except that a long search for a volatility ends. An output without a finite value is NaN or an
 * infinity. If that output was requested, the caller turns it into `pricing_calculation_failed`.
 */
export type PricingEngine<O extends Option = Option> = {
  readonly price: (option: O) => number;
  /** Writes the price and all greeks, in the order of `outputNames`. */
  readonly evaluate: (option: O, out: Float64Array) => void;
  /** Writes only the price, the five first-order greeks and gamma. Present only if that is faster than `evaluate`. */
  readonly firstOrder?: (option: O, out: Float64Array) => void;
  /** The volatility at which the option has the given price. The volatility of `option` itself is ignored. */
  readonly impliedVolatility?: (option: O, price: number) => Inversion;
  /** The reason why the price has no finite value, if there is one. */
  readonly refusal?: (option: O) => Refusal | undefined;
  /** The reason if the price has no finite value and there is no `refusal`. */
  readonly failure?: Refusal;
};

/** +1 for a call, -1 for a put. */
export const signOf = (option: Option): 1 | -1 => (option.option_type === 'call' ? 1 : -1);
