import { hestonOutputs } from '#src/pricing/engines/heston/heston-engine.ts';
import type { HestonOption, PricingEngine } from '#src/pricing/models/engine.ts';
import { indexOfOutput, outputNames } from '#src/pricing/models/outputs.ts';

/**
 * The error of each output of a call in units of its scale, against the values of heston-greeks.json. `inputs` are in the
 * order of that file. The scales are those of an option at the money with the same deviation.
 */
export const hestonErrors = (
  engine: PricingEngine<HestonOption>,
  inputs: readonly number[],
  greeks: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> => {
  const [spot, strike, time, rate, dividendYield, root, kappa, theta, sigma, rho] = inputs as [
    ...[number, number, number, number, number],
    ...[number, number, number, number, number],
  ];
  const out = new Float64Array(outputNames.length + 1);
  const option: HestonOption = {
    model: 'heston',
    option_type: 'call',
    exercise_style: 'european',
    spot,
    strike,
    time_to_expiry: time,
    rate,
    dividend_yield: dividendYield,
    heston: { v0: root * root, kappa, theta, sigma, rho },
  };
  engine.evaluate(option, out);
  const deviation = root * Math.sqrt(time);
  const scales: Readonly<Record<string, number>> = {
    price: spot,
    delta: 1,
    gamma: 1 / (spot * deviation),
    vega: spot * Math.sqrt(time),
    theta: (spot * root) / Math.sqrt(time),
    rho: strike * time,
    dividend_rho: spot * time,
    vanna: 1 / root,
    volga: (spot * Math.sqrt(time)) / root,
    speed: 1 / (spot * deviation) ** 2,
    dual_delta: 1,
    dual_gamma: 1 / (strike * deviation),
  };
  return Object.fromEntries(
    hestonOutputs.map((name) => [name, Math.abs(out[indexOfOutput[name]]! - greeks[name]!) / scales[name]!]),
  );
};
