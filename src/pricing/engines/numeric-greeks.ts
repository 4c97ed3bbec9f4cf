import { signOf, type SpotOption } from '../models/engine.ts';
import { indexOfOutput, type OutputName } from '../models/outputs.ts';
import { noDividends, type DividendsAhead } from './dividends.ts';

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

/** Third derivative at x: a central difference of fourth order. */
export const thirdDerivative = (f: (x: number) => number, x: number, h: number): number =>
  (13 * (f(x - h) - f(x + h)) + 8 * (f(x + 2 * h) - f(x - 2 * h)) - (f(x + 3 * h) - f(x - 3 * h))) / (8 * h ** 3);

const RATE_STEP = 1e-4;
const MIN_STEP = 1e-5;
/** A narrow step of the time, in units of the time until the first dividend: two of them must end before it. */
const SHARE_OF_FIRST_DIVIDEND = 0.499;
/** Min step of the time, in units of the usual one. Smaller differences of the price have too few digits. */
const MIN_NARROW_STEP = 1e-3;

/** Step of the logarithm of the spot less its dividends, for a `relativeStep` as in `writeNumericGreeks`. */
const logStepOf = ({ volatility, time }: SpotInputs, relativeStep: number): number =>
  Math.min(Math.max(relativeStep * volatility * Math.sqrt(time), MIN_STEP), 0.05);

/** The step of the spot. Smaller spots than the value of the dividends have no price. */
export const spotStepOf = (inputs: SpotInputs, relativeStep: number, { value }: DividendsAhead): number =>
  (inputs.spot - value) * logStepOf(inputs, relativeStep);

const deltaOf =
  (kernel: SpotKernel, { spot, strike, rate, dividendYield, sign }: SpotInputs, spotStep: number) =>
  (time: number, volatility: number): number =>
    firstDerivative((s) => kernel(s, strike, time, rate, dividendYield, volatility, sign), spot, spotStep, 0);

/**
 * Writes the `numericOutputs` except theta and charm to `out`, in the order of `outputNames`, by finite differences of the
 * kernel. The price must be a smooth function of its inputs. `relativeStep` is the step of the spot less its dividends in
 * units of volatility * sqrt(time), and the step of volatility and time in units of the input. Prices with more noise need a
 * larger step.
 */
export const writeGreeksWithoutTime = (
  kernel: SpotKernel,
  inputs: SpotInputs,
  relativeStep: number,
  out: Float64Array,
  dividends: DividendsAhead = noDividends,
): void => {
  const { spot, strike, time, rate, dividendYield, volatility, sign } = inputs;
  const spotStep = spotStepOf(inputs, relativeStep, dividends);
  const volatilityStep = Math.max(relativeStep * volatility, MIN_STEP);
  const bySpot = (s: number): number => kernel(s, strike, time, rate, dividendYield, volatility, sign);
  const byVolatility = (v: number): number => kernel(spot, strike, time, rate, dividendYield, v, sign);
  const byStrike = (k: number): number => kernel(spot, k, time, rate, dividendYield, volatility, sign);
  const byRate = (r: number): number => kernel(spot, strike, time, r, dividendYield, volatility, sign);
  const byYield = (q: number): number => kernel(spot, strike, time, rate, q, volatility, sign);
  const deltaAt = deltaOf(kernel, inputs, spotStep);
  const set = (name: OutputName, value: number): void => {
    out[indexOfOutput[name]] = value;
  };
  out.fill(Number.NaN);
  set('price', bySpot(spot));
  set('delta', deltaAt(time, volatility));
  set('gamma', secondDerivative(bySpot, spot, spotStep, 0));
  set('vega', firstDerivative(byVolatility, volatility, volatilityStep, 0));
  set('volga', secondDerivative(byVolatility, volatility, volatilityStep, 0));
  set(
    'vanna',
    firstDerivative((v) => deltaAt(time, v), volatility, volatilityStep, 0),
  );
  set('rho', firstDerivative(byRate, rate, RATE_STEP, -Infinity));
  set('dividend_rho', firstDerivative(byYield, dividendYield, RATE_STEP, -Infinity));
  const strikeStep = logStepOf(inputs, relativeStep) * strike;
  set('dual_delta', firstDerivative(byStrike, strike, strikeStep, 0));
  set('dual_gamma', secondDerivative(byStrike, strike, strikeStep, 0));
};

/**
 * Writes the price and the `numericOutputs` to `out`, as `writeGreeksWithoutTime`, with theta and charm by differences of the
 * kernel by time. No difference by time takes a dividend past the valuation date, because the price jumps there: the step is
 * narrower if the first dividend is nearer than two steps, and the difference is one-sided if it is very near.
 */
export const writeNumericGreeks = (
  kernel: SpotKernel,
  inputs: SpotInputs,
  relativeStep: number,
  out: Float64Array,
  dividends: DividendsAhead = noDividends,
): void => {
  const { spot, strike, time, rate, dividendYield, volatility, sign } = inputs;
  writeGreeksWithoutTime(kernel, inputs, relativeStep, out, dividends);
  const usual = Math.max(relativeStep * time, MIN_STEP);
  const narrow = Math.min(usual, SHARE_OF_FIRST_DIVIDEND * dividends.first);
  const step = narrow >= MIN_NARROW_STEP * usual ? narrow : usual;
  const min = Math.max(time - dividends.first, 0);
  const byTime = (t: number): number => kernel(spot, strike, t, rate, dividendYield, volatility, sign);
  const deltaAt = deltaOf(kernel, inputs, spotStepOf(inputs, relativeStep, dividends));
  out[indexOfOutput.theta] = -firstDerivative(byTime, time, step, min);
  out[indexOfOutput.charm] = -firstDerivative((t) => deltaAt(t, volatility), time, step, min);
};
