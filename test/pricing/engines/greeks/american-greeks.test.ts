import test from 'ava';
import { createAndersenLakeEngine } from '#src/pricing/engines/american/american-engines.ts';
import { createPanelPut } from '#src/pricing/engines/american/panels/panel-put.ts';
import { writeNumericGreeks, numericOutputs, type SpotKernel } from '#src/pricing/engines/numeric-greeks.ts';
import { indexOfOutput, outputNames, type OutputName } from '#src/pricing/models/outputs.ts';
import type { SpotOption } from '#src/pricing/models/engine.ts';

const engine = createAndersenLakeEngine();
const panels = createPanelPut();
/** The price on one mesh of panels: smooth, so that its differences judge the derivatives. */
const kernel: SpotKernel = (spot, strike, time, rate, dividendYield, volatility, sign) =>
  sign < 0
    ? strike * panels.price(spot / strike, time, { rate, dividendYield, volatility }, 1e-6)
    : spot * panels.price(strike / spot, time, { rate: dividendYield, dividendYield: rate, volatility }, 1e-6);

const option = (values: Partial<SpotOption>): SpotOption => ({
  model: 'andersen_lake',
  exercise_style: 'american',
  option_type: 'put',
  spot: 100,
  strike: 100,
  time_to_expiry: 1,
  rate: 0.05,
  dividend_yield: 0.02,
  volatility: 0.25,
  ...values,
});

const cases: readonly [string, SpotOption][] = [
  ['put of one year', option({})],
  ['put of ten years', option({ time_to_expiry: 10, rate: 0.1, dividend_yield: 0, volatility: 0.1 })],
  ['call with a yield', option({ option_type: 'call', spot: 95, dividend_yield: 0.08 })],
  [
    'put with a negative yield',
    option({ strike: 90, time_to_expiry: 1.5, rate: 0.5, dividend_yield: -0.05, volatility: 0.4 }),
  ],
  ['put with yield above rate', option({ spot: 110, rate: 0.03, dividend_yield: 0.09 })],
];

for (const [name, o] of cases) {
  test(`${name}: the greeks are the derivatives of the price`, (t) => {
    const exact = new Float64Array(outputNames.length);
    engine.evaluate(o, exact);
    const numeric = new Float64Array(outputNames.length);
    const { spot, strike, time_to_expiry: time, rate, dividend_yield: dividendYield, volatility } = o;
    const sign = o.option_type === 'call' ? 1 : -1;
    writeNumericGreeks(kernel, { spot, strike, time, rate, dividendYield, volatility, sign }, 0.02, numeric);
    for (const output of numericOutputs) {
      const at = indexOfOutput[output];
      // The differences have an error of their own, of the fourth order in the step.
      const scale = output === 'volga' || output === 'charm' || output === 'vanna' ? 3e-3 : 2e-5;
      const error = Math.abs(exact[at]! - numeric[at]!);
      t.true(error <= scale * Math.max(Math.abs(numeric[at]!), 1e-2), `${output} ${exact[at]} ${numeric[at]}`);
    }
  });
}

test('an exercised put has the greeks of its payoff', (t) => {
  const out = new Float64Array(outputNames.length);
  engine.evaluate(option({ spot: 40 }), out);
  const value = (output: OutputName): number => out[indexOfOutput[output]]!;
  t.deepEqual([value('price'), value('delta'), value('gamma'), value('theta'), value('dual_delta')], [60, -1, 0, 0, 1]);
});
