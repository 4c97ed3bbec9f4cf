import { indexOfOutput, type OutputName } from '../outputs.ts';

/** Spot, strike, years, rate, yield, volatility, sign -> price. */
export type SpotKernel = (
  spot: number,
  strike: number,
  time: number,
  rate: number,
  dividendYield: number,
  volatility: number,
  sign: number,
) => number;

/** What `writeNumericGreeks` can write. */
export const numericOutputs: readonly OutputName[] = [
  'price',
  'delta',
  'gamma',
  'vega',
  'theta',
  'rho',
  'dividend_rho',
  'vanna',
  'volga',
  'charm',
  'dual_delta',
  'dual_gamma',
];

/** First derivative at x: fourth order in the middle, second order from above where x - 2h would leave the domain. */
const slope = (f: (x: number) => number, x: number, h: number, least: number): number =>
  x - 2 * h > least
    ? (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h)
    : (4 * f(x + h) - f(x + 2 * h) - 3 * f(x)) / (2 * h);

const bend = (f: (x: number) => number, x: number, h: number, least: number): number =>
  x - 2 * h > least
    ? (16 * (f(x + h) + f(x - h)) - 30 * f(x) - f(x + 2 * h) - f(x - 2 * h)) / (12 * h * h)
    : (f(x + 2 * h) - 2 * f(x + h) + f(x)) / (h * h);

const RATE_STEP = 1e-4;
const LEAST_SHARE = 1e-5;

/**
 * Price and greeks by finite differences of a price that is a smooth function of its inputs. `share` is the step in
 * units of the deviation for the spot and of the input itself for volatility and time: larger for prices with noise.
 */
export const writeNumericGreeks = (
  kernel: SpotKernel,
  spot: number,
  strike: number,
  time: number,
  rate: number,
  dividendYield: number,
  volatility: number,
  sign: number,
  share: number,
  out: Float64Array,
): void => {
  const spotStep = spot * Math.min(Math.max(share * volatility * Math.sqrt(time), LEAST_SHARE), 0.05);
  const volatilityStep = Math.max(share * volatility, LEAST_SHARE);
  const timeStep = Math.max(share * time, LEAST_SHARE);
  const bySpot = (s: number, t = time, v = volatility): number => kernel(s, strike, t, rate, dividendYield, v, sign);
  const deltaAt = (t: number, v: number): number => slope((s) => bySpot(s, t, v), spot, spotStep, 0);
  const delta = deltaAt(time, volatility);
  const gamma = bend(bySpot, spot, spotStep, 0);
  const set = (name: OutputName, value: number): void => {
    out[indexOfOutput[name]] = value;
  };
  out.fill(Number.NaN);
  set('price', bySpot(spot));
  set('delta', delta);
  set('gamma', gamma);
  set(
    'vega',
    slope((v) => bySpot(spot, time, v), volatility, volatilityStep, 0),
  );
  set(
    'volga',
    bend((v) => bySpot(spot, time, v), volatility, volatilityStep, 0),
  );
  set('theta', -slope((t) => bySpot(spot, t), time, timeStep, 0));
  set('charm', -slope((t) => deltaAt(t, volatility), time, timeStep, 0));
  set(
    'vanna',
    slope((v) => deltaAt(time, v), volatility, volatilityStep, 0),
  );
  set(
    'rho',
    slope((r) => kernel(spot, strike, time, r, dividendYield, volatility, sign), rate, RATE_STEP, -Infinity),
  );
  set(
    'dividend_rho',
    slope((q) => kernel(spot, strike, time, rate, q, volatility, sign), dividendYield, RATE_STEP, -Infinity),
  );
  const byStrike = (k: number): number => kernel(spot, k, time, rate, dividendYield, volatility, sign);
  const strikeStep = (spotStep / spot) * strike;
  set('dual_delta', slope(byStrike, strike, strikeStep, 0));
  set('dual_gamma', bend(byStrike, strike, strikeStep, 0));
};
