import type { HestonInputs } from '../../models/engine.ts';
import { createHestonIntegral, integralCount } from './heston-integral.ts';

/** The parameters in the order of the gradient. */
export const hestonNames = ['v0', 'kappa', 'theta', 'sigma', 'rho'] as const;
export type HestonName = (typeof hestonNames)[number];

/**
 * Writes to `out` the price of the out-of-the-money option (a call if x <= 0, else a put), divided by the discounted
 * forward, and its derivatives with respect to `hestonNames`. They are those of the other option too, because parity does
 * not depend on the parameters. `x` is ln(forward / strike), `time` is in years. The model must have a positive variance.
 * @returns false if the integral did not converge
 */
export type HestonGradient = (x: number, time: number, model: HestonInputs, out: Float64Array) => boolean;

/** The gradient reuses its buffers, so calls must not overlap. */
export const createHestonGradient = (): HestonGradient => {
  const integrate = createHestonIntegral();
  const sums = new Float64Array(integralCount);
  return (x, time, model, out) => {
    integrate({ x, time, model, greeks: false, parameters: true }, sums);
    out[0] = Math.min(Math.max(sums[0]!, 0), 1, Math.exp(-x));
    for (let k = 1; k <= hestonNames.length; k++) out[k] = sums[k]!;
    return Number.isFinite(sums[0]!) && sums.every(Number.isFinite);
  };
};
