import test from 'ava';
import { createFiniteDifferenceEngine } from '#src/pricing/engines/finite-difference/finite-difference-engine.ts';
import { NOT_CONVERGED } from '#src/pricing/engines/european/implied.ts';
import { gridErrorBound } from '#src/pricing/engines/finite-difference/grid-price.ts';
import { estimateOf } from '#src/pricing/models/cost.ts';
import type { SpotOption } from '#src/pricing/models/engine.ts';
import { indexOfOutput, outputNames, type OutputName } from '#src/pricing/models/outputs.ts';
import { SlowCalculation } from '#src/pricing/models/slow-calculation.ts';
import { createOutputs, wantedOf } from '#src/pricing/request/calculate.ts';

const engine = createFiniteDifferenceEngine();
const option = (inputs: Partial<SpotOption>): SpotOption => ({
  model: 'finite_difference',
  option_type: 'call',
  exercise_style: 'american',
  spot: 100,
  strike: 100,
  time_to_expiry: 1,
  rate: 0.05,
  dividend_yield: 0,
  volatility: 0.3,
  dividends: [{ time: 0.5, amount: 2 }],
  ...inputs,
});
const greeksOf = (o: SpotOption): Record<OutputName, number> => {
  const out = new Float64Array(outputNames.length + 1);
  engine.evaluate(o, out);
  return Object.fromEntries(outputNames.map((name) => [name, out[indexOfOutput[name]]!])) as Record<OutputName, number>;
};

for (const [time_to_expiry, volatility] of [
  [17, 0.3],
  [17, 0.5],
  [70, 0.3],
  [2, 1.2],
  [5, 1.05],
  [0.5, 5],
  [100, 0.39],
  [1, 0.02],
] as const) {
  test(`an implied volatility of ${volatility} is found for ${time_to_expiry} years`, (t) => {
    for (const option_type of ['call', 'put'] as const) {
      const o = option({ time_to_expiry, rate: 0.03, option_type, dividends: [{ time: 0.4, amount: 2 }] });
      const price = engine.price({ ...o, volatility });
      const implied = engine.impliedVolatility!(o, price).volatility;
      t.true(implied > 0, `${option_type} ${implied}`);
      const again = engine.price({ ...o, volatility: implied });
      t.true(Math.abs(again - price) < 1e-9, `${option_type} ${implied} ${again} ${price}`);
      t.true(Math.abs(implied - volatility) < 0.01 * volatility, `${option_type} ${implied}`);
    }
  });
}

test('a price that only volatilities beyond the grid give has no answer, and is not called above the max', (t) => {
  const { volatility } = engine.impliedVolatility!(option({ time_to_expiry: 17 }), 99.9999);
  t.is(volatility, NOT_CONVERGED);
});

for (const volatility of [1e-7, 1e-8, 1e-10, 1e-12, 1e-16, 1e-60, 1e-155, 1e-300, 5e-324]) {
  test(`a volatility of ${volatility} has the price and the greeks of the known path`, (t) => {
    const call = option({ volatility });
    const put = option({
      volatility,
      option_type: 'put',
      strike: 110,
      rate: 0.01,
      dividends: [{ time: 0.5, amount: 5 }],
    });
    for (const o of [call, put]) {
      const limit = engine.price({ ...o, volatility: 0 });
      t.true(Math.abs(engine.price(o) - limit) <= gridErrorBound * 110, `${engine.price(o)} ${limit}`);
      const greeks = greeksOf(o);
      t.is(greeks.price, engine.price(o));
      t.true(Math.abs(greeks.delta - (o === call ? 1 : -1)) < 1e-6, `delta ${greeks.delta}`);
      t.true(Math.abs(greeks.gamma) < 1e-6, `gamma ${greeks.gamma}`);
      for (const name of ['vega', 'theta', 'rho'] as const) t.true(Math.abs(greeks[name]) < 1e3, name);
    }
    t.true(Math.abs(engine.price(call) - 2.92644) < 1e-4);
    t.true(Math.abs(engine.price(put) - 14.426) < 1e-3);
  });
}

for (const [name, inputs] of Object.entries({
  'a call, whose dividend is nearly the spot': { dividends: [{ time: 0.5, amount: 102.5 }] },
  'a put, whose dividend at the expiry is nearly the spot': {
    option_type: 'put',
    dividends: [{ time: 1, amount: 105.1 }],
  },
  'a call with a yield, whose dividend is nearly the spot': {
    dividend_yield: 0.03,
    dividends: [{ time: 0.5, amount: 100.98 }],
  },
  'a European put, whose dividend is nearly the spot': {
    option_type: 'put',
    exercise_style: 'european',
    dividends: [{ time: 0.5, amount: 102.5 }],
  },
} as const satisfies Record<string, Partial<SpotOption>>)) {
  test(`greeks of ${name} are finite where the price has a slope`, (t) => {
    const o = option(inputs);
    const greeks = greeksOf(o);
    const { price } = greeks;
    t.is(price, engine.price(o));
    for (const output of ['delta', 'gamma', 'vega', 'theta', 'rho', 'dividend_rho', 'dual_delta'] as const) {
      t.true(Number.isFinite(greeks[output]), `${output} ${greeks[output]}`);
    }
    const slope = (engine.price({ ...o, rate: o.rate + 1e-3 }) - price) / 1e-3;
    t.true(Math.abs(greeks.rho - slope) < 1, `rho ${greeks.rho}, slope ${slope}`);
    const byYield = (price - engine.price({ ...o, dividend_yield: o.dividend_yield - 1e-3 })) / 1e-3;
    t.true(Math.abs(greeks.dividend_rho - byYield) < 1, `dividend_rho ${greeks.dividend_rho}, slope ${byYield}`);
  });
}

test('on the event loop an option that needs a grid is left to a pricing process, also one of the differences near no volatility', (t) => {
  const onLoop = createFiniteDifferenceEngine('event_loop');
  const usual = option({ volatility: 0.2 });
  t.throws(() => onLoop.price(usual), { instanceOf: SlowCalculation });
  const known = option({ volatility: 0 });
  t.is(onLoop.price(known), engine.price(known));
  // Two steps from no volatility need a grid, and one step does not.
  const short = option({ volatility: 0, time_to_expiry: 4.27e-13, dividends: [] });
  t.throws(() => onLoop.evaluate(short, createOutputs()), { instanceOf: SlowCalculation });
  const { totalMs } = estimateOf([short], wantedOf(['volga']));
  t.true(totalMs > 10, `${totalMs}`);
});
