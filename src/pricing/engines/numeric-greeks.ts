import { signOf, type SpotOption } from '../models/engine.ts';
import { indexOfOutput, type OutputName } from '../models/outputs.ts';

/**
 * Price of an option on a spot. `time` is in years; rate, yield and volatility are per year; `sign` is +1 for a call,
 * -1 for a put. The parameters are positional because kernels run in inner loops.
 */
export type SpotKernel = (
  spot: number,
  strike: number,
  time: number,
  rate: number,
  dividendYield: number,
  volatility: number,
  sign: number,
) => number;

/** The parameters of a `SpotKernel` by name. */
export type SpotInputs = {
  readonly spot: number;
  readonly strike: number;
  readonly time: number;
  readonly rate: number;
  readonly dividendYield: number;
  readonly volatility: number;
  readonly sign: number;
};

/** The inputs of an option. */
export const spotInputsOf = (o: SpotOption): SpotInputs => ({
  spot: o.spot,
  strike: o.strike,
  time: o.time_to_expiry,
  rate: o.rate,
  dividendYield: o.dividend_yield,
  volatility: o.volatility,
  sign: signOf(o),
});

/** The outputs that `writeNumericGreeks` writes; the others are NaN. */
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

/**
 * First derivative at x: a central difference of fourth order, or a one-sided one of second order if x - 2h <= `min`.
 */
const firstDerivative = (f: (x: number) => number, x: number, h: number, min: number): number =>
  x - 2 * h > min
    ? (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h)
    : (4 * f(x + h) - f(x + 2 * h) - 3 * f(x)) / (2 * h);

/**
 * Second derivative at x: a central difference of fourth order, or a one-sided one of first order if x - 2h <= `min`.
 */
const secondDerivative = (f: (x: number) => number, x: number, h: number, min: number): number =>
  x - 2 * h > min
    ? (16 * (f(x + h) + f(x - h)) - 30 * f(x) - f(x + 2 * h) - f(x - 2 * h)) / (12 * h * h)
    : (f(x + 2 * h) - 2 * f(x + h) + f(x)) / (h * h);

const RATE_STEP = 1e-4;
const MIN_STEP = 1e-5;

/**
 * Writes the price and the `numericOutputs` to `out`, in the order of `outputNames`, by finite differences of the
 * kernel. The price must be a smooth function of its inputs. `relativeStep` is the step of the spot in units of
 * volatility * sqrt(time), and the step of volatility and time in units of the input. Prices with more noise need a
 * larger step.
 */
export const writeNumericGreeks = (
  kernel: SpotKernel,
  { spot, strike, time, rate, dividendYield, volatility, sign }: SpotInputs,
  relativeStep: number,
  out: Float64Array,
): void => {
  const spotStep = spot * Math.min(Math.max(relativeStep * volatility * Math.sqrt(time), MIN_STEP), 0.05);
  const volatilityStep = Math.max(relativeStep * volatility, MIN_STEP);
  const timeStep = Math.max(relativeStep * time, MIN_STEP);
  const bySpot = (s: number, t = time, v = volatility): number => kernel(s, strike, t, rate, dividendYield, v, sign);
  const deltaAt = (t: number, v: number): number => firstDerivative((s) => bySpot(s, t, v), spot, spotStep, 0);
  const delta = deltaAt(time, volatility);
  const gamma = secondDerivative(bySpot, spot, spotStep, 0);
  const set = (name: OutputName, value: number): void => {
    out[indexOfOutput[name]] = value;
  };
  out.fill(Number.NaN);
  set('price', bySpot(spot));
  set('delta', delta);
  set('gamma', gamma);
  set(
    'vega',
    firstDerivative((v) => bySpot(spot, time, v), volatility, volatilityStep, 0),
  );
  set(
    'volga',
    secondDerivative((v) => bySpot(spot, time, v), volatility, volatilityStep, 0),
  );
  set('theta', -firstDerivative((t) => bySpot(spot, t), time, timeStep, 0));
  set('charm', -firstDerivative((t) => deltaAt(t, volatility), time, timeStep, 0));
  set(
    'vanna',
    firstDerivative((v) => deltaAt(time, v), volatility, volatilityStep, 0),
  );
  set(
    'rho',
    firstDerivative((r) => kernel(spot, strike, time, r, dividendYield, volatility, sign), rate, RATE_STEP, -Infinity),
  );
  set(
    'dividend_rho',
    firstDerivative((q) => kernel(spot, strike, time, rate, q, volatility, sign), dividendYield, RATE_STEP, -Infinity),
  );
  const byStrike = (k: number): number => kernel(spot, k, time, rate, dividendYield, volatility, sign);
  const strikeStep = (spotStep / spot) * strike;
  set('dual_delta', firstDerivative(byStrike, strike, strikeStep, 0));
  set('dual_gamma', secondDerivative(byStrike, strike, strikeStep, 0));
};
