import { cdf, pdf } from '../../math/normal-fast.ts';

const MAX_NEWTON_STEPS = 30;

/** Killing rate per year of the early-exercise premium of a put, rate / (1 - exp(-rate time)). `time` is in years. */
export const killingRate = (rate: number, time: number): number =>
  Math.abs(rate * time) < 1e-12 ? 1 / time : rate / -Math.expm1(-rate * time);

/** Power of the spot in the early-exercise premium: the negative root of the characteristic equation of the premium. */
export const premiumPower = (killing: number, rate: number, dividendYield: number, volatility: number): number => {
  const variance = volatility * volatility;
  const n = (2 * (rate - dividendYield)) / variance - 1;
  return -0.5 * (n + Math.sqrt(n * n + (8 * killing) / variance));
};

/**
 * Approximate exercise boundary of an American put. It is the B with
 *
 *   (1 - exp(-yield time) N(-d1)) B + power (strike - B - european) = perTheta * theta
 *
 * This is the smooth-pasting condition of a premium that is a power of the spot, multiplied by the exercise gap
 * strike - B - european. The factor makes the equation smooth, so that Newton's method is safe. The search starts at
 * `guess`. `top` is the boundary at expiry. The search ends at a relative change below `tolerance`. The parameters are
 * positional because the function runs in the inner loop of a price.
 */
export const quadraticBoundary = (
  guess: number,
  top: number,
  strike: number,
  time: number,
  rate: number,
  dividendYield: number,
  volatility: number,
  power: number,
  perTheta: number,
  tolerance: number,
): number => {
  const yieldDiscount = Math.exp(-dividendYield * time);
  const cash = strike * Math.exp(-rate * time);
  const deviation = volatility * Math.sqrt(time);
  const drift = (rate - dividendYield) * time;
  const halfSpeed = volatility / (2 * Math.sqrt(time));
  let boundary = Math.min(guess, top * (1 - 1e-9));
  for (let step = 0; step < MAX_NEWTON_STEPS; step++) {
    const d1 = (Math.log(boundary / strike) + drift) / deviation + 0.5 * deviation;
    const assetTerm = yieldDiscount * cdf(-d1);
    const density = yieldDiscount * pdf(d1);
    const cashTerm = cash * cdf(deviation - d1);
    const gap = strike - cashTerm - boundary * (1 - assetTerm);
    const theta = rate * cashTerm - boundary * (dividendYield * assetTerm + density * halfSpeed);
    const thetaSlope =
      -(density / deviation) * (rate - dividendYield) -
      dividendYield * assetTerm -
      halfSpeed * density * (1 - d1 / deviation);
    const value = (1 - assetTerm) * boundary + power * gap - perTheta * theta;
    const slope = (1 - assetTerm) * (1 - power) + density / deviation - perTheta * thetaSlope;
    const next = boundary - value / slope;
    const change = next - boundary;
    if (next > 0 && next < top) boundary = next;
    else boundary = next >= top ? 0.5 * (boundary + top) : 0.5 * boundary;
    if (Math.abs(change) < tolerance * boundary) break;
  }
  return boundary;
};

/** A loose tolerance is enough, because the fixed-point steps of andersen-lake.ts improve the result. */
const GUESS_TOLERANCE = 1e-4;

/**
 * The QD+ boundary of M. Li, "Analytical approximations for the critical stock prices of American options", Review of
 * Derivatives Research 13 (2010), 75-99, in a form that stays finite at rate 0.
 */
export const qdPlusBoundary = (
  guess: number,
  top: number,
  strike: number,
  time: number,
  rate: number,
  dividendYield: number,
  volatility: number,
): number => {
  const variance = volatility * volatility;
  const decay = Math.exp(-rate * time);
  const killing = killingRate(rate, time);
  const n = (2 * (rate - dividendYield)) / variance - 1;
  const m = (2 * killing) / variance;
  const r = Math.sqrt(n * n + 4 * m);
  const power = -0.5 * (n + r) + (decay / r) * (m - (m * m) / (r * r));
  const perTheta = 2 / (variance * r);
  return quadraticBoundary(guess, top, strike, time, rate, dividendYield, volatility, power, perTheta, GUESS_TOLERANCE);
};
