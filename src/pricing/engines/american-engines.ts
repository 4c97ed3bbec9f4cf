import { signOf, type PricingEngine, type SpotOption } from '../engine.ts';
import { hasTwoBoundaries } from './american-limits.ts';
import { createAndersenLake, type AndersenLake } from './andersen-lake.ts';
import { createScheme, schemeSizes, type Precision } from './andersen-lake-scheme.ts';
import { bawPrice } from './baw.ts';
import { binomialPrice } from './binomial-lr.ts';
import { dividendRefusal } from './black-scholes-engine.ts';
import type { Refusal } from './implied.ts';
import { writeNumericGreeks, type SpotKernel } from './numeric-greeks.ts';
import { volatilityByRoot } from './root-volatility.ts';

/** Steps of finite differences, see `writeNumericGreeks`: a tree's price is smooth on a coarser scale only. */
const SMOOTH_SHARE = 0.02;
const TREE_SHARE = 0.1;

const priceWith = (kernel: SpotKernel, o: SpotOption, volatility: number): number =>
  kernel(o.spot, o.strike, o.time_to_expiry, o.rate, o.dividend_yield, volatility, signOf(o));

const twoBoundaries = (o: SpotOption): Refusal | undefined => {
  const call = o.option_type === 'call';
  return hasTwoBoundaries(call ? o.dividend_yield : o.rate, call ? o.rate : o.dividend_yield)
    ? {
        code: 'double_boundary',
        detail:
          'With these negative rates there are two exercise boundaries, which this model does not solve: use binomial_lr',
      }
    : undefined;
};

const createKernelEngine = (
  kernelOf: (option: SpotOption) => SpotKernel,
  share: number,
  refusal: (option: SpotOption) => Refusal | undefined,
): PricingEngine<SpotOption> => ({
  price: (o) => priceWith(kernelOf(o), o, o.volatility),
  evaluate: (o, out) =>
    writeNumericGreeks(
      kernelOf(o),
      o.spot,
      o.strike,
      o.time_to_expiry,
      o.rate,
      o.dividend_yield,
      o.volatility,
      signOf(o),
      share,
      out,
    ),
  impliedVolatility: (o, price) => {
    const kernel = kernelOf(o);
    return volatilityByRoot((volatility) => priceWith(kernel, o, volatility), price);
  },
  refusal,
});

export const createAndersenLakeEngine = (): PricingEngine<SpotOption> => {
  const made = new Map<Precision, AndersenLake>();
  const kernelOf = ({ precision = 'default' }: SpotOption): SpotKernel => {
    let engine = made.get(precision);
    if (engine === undefined) made.set(precision, (engine = createAndersenLake(createScheme(schemeSizes[precision]))));
    return engine.price;
  };
  return createKernelEngine(kernelOf, SMOOTH_SHARE, twoBoundaries);
};

export const createBawEngine = (): PricingEngine<SpotOption> =>
  createKernelEngine(() => bawPrice, SMOOTH_SHARE, twoBoundaries);

const defaultSteps = 501;

export const createBinomialEngine = (): PricingEngine<SpotOption> =>
  createKernelEngine(
    ({ exercise_style, steps = defaultSteps, dividends = [], time_to_expiry }) =>
      (spot, strike, time, rate, dividendYield, volatility, sign) => {
        // Seen from another day, the dividends are as much nearer or further as the expiry.
        const shift = time - time_to_expiry;
        const shifted = shift === 0 ? dividends : dividends.map((paid) => ({ ...paid, time: paid.time + shift }));
        return binomialPrice(
          spot,
          strike,
          time,
          rate,
          dividendYield,
          volatility,
          sign,
          exercise_style === 'american',
          steps,
          shifted,
        );
      },
    TREE_SHARE,
    dividendRefusal,
  );
