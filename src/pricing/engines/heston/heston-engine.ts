import { signOf, type HestonOption, type PricingEngine } from '../../models/engine.ts';
import { outputNames, type OutputName } from '../../models/outputs.ts';
import type { EngineSite } from '../../models/slow-calculation.ts';
import { createHeston } from './heston.ts';

/**
 * Outputs of the Heston model. Vega, vanna and volga are derivatives with respect to the initial volatility sqrt(v0).
 */
export const hestonOutputs: readonly OutputName[] = [
  'price',
  'delta',
  'gamma',
  'vega',
  'theta',
  'rho',
  'dividend_rho',
  'vanna',
  'volga',
  'speed',
  'dual_delta',
  'dual_gamma',
];

/** Max terms of one integral on the event loop, about 0.3 ms. Usual options need 100. */
const eventLoopTerms = 2_000;

/**
 * The engine reuses its buffers, so calls must not overlap.
 * @throws SlowCalculation (a calculation on the event loop) if the integral needs many terms
 */
export const createHestonEngine = (site: EngineSite = 'process'): PricingEngine<HestonOption> => {
  const heston = createHeston(site === 'event_loop' ? eventLoopTerms : Infinity);
  const buffer = new Float64Array(outputNames.length);
  const run = (o: HestonOption, greeks: boolean, out: Float64Array): void =>
    heston(o.spot, o.strike, o.time_to_expiry, o.rate, o.dividend_yield, o.heston, signOf(o), greeks, out);
  return {
    price: (o) => {
      run(o, false, buffer);
      return buffer[0]!;
    },
    evaluate: (o, out) => run(o, true, out),
    refusal: () => ({
      code: 'not_converged',
      detail: 'The integral of the characteristic function did not converge for these parameters',
    }),
  };
};
