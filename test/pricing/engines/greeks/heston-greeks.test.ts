import test from 'ava';
import { createHestonEngine, hestonOutputs } from '#src/pricing/engines/heston/heston-engine.ts';
import type { HestonOption } from '#src/pricing/models/engine.ts';
import { indexOfOutput, outputNames } from '#src/pricing/models/outputs.ts';
import { hestonErrors } from '#testkit/pricing-reference/heston-errors.ts';
import reference from '#testkit/pricing-reference/heston-greeks.json' with { type: 'json' };

const engine = createHestonEngine();

test('each output is within 1e-12 of its scale of a derivative with 20 digits', (t) => {
  t.true(reference.rows.length >= 12);
  for (const { inputs, greeks } of reference.rows) {
    const errors = hestonErrors(engine, inputs, greeks);
    t.deepEqual(Object.keys(errors).toSorted(), [...hestonOutputs].toSorted());
    for (const [name, error] of Object.entries(errors)) {
      // The third difference of the reference has fewer digits.
      t.true(error <= (name === 'speed' ? 1e-9 : 1e-12), `${name} ${error} ${inputs.join(' ')}`);
    }
  }
});

test('greeks of a put follow from those of the call by parity', (t) => {
  const market = { model: 'heston', exercise_style: 'european', spot: 100, strike: 110, time_to_expiry: 0.7 } as const;
  const rates = {
    rate: 0.03,
    dividend_yield: 0.01,
    heston: { v0: 0.05, kappa: 1.2, theta: 0.06, sigma: 0.8, rho: -0.6 },
  };
  const greeksOf = (option_type: 'call' | 'put'): Float64Array => {
    const out = new Float64Array(outputNames.length + 1);
    const option: HestonOption = { ...market, ...rates, option_type };
    engine.evaluate(option, out);
    return out;
  };
  const [call, put] = [greeksOf('call'), greeksOf('put')];
  const forward = Math.exp(-0.01 * 0.7);
  t.true(Math.abs(call[indexOfOutput.delta]! - put[indexOfOutput.delta]! - forward) < 1e-12);
  for (const name of ['gamma', 'vega', 'vanna', 'volga', 'speed', 'dual_gamma'] as const) {
    t.true(Math.abs(call[indexOfOutput[name]]! - put[indexOfOutput[name]]!) < 1e-9, name);
  }
});
