import test from 'ava';
import { bachelierEvaluate, bachelierPrice } from '#src/pricing/engines/european/bachelier.ts';
import { black76Evaluate, black76Price } from '#src/pricing/engines/european/black76.ts';
import {
  blackScholesEvaluate,
  blackScholesFirstOrder,
  blackScholesPrice,
} from '#src/pricing/engines/european/black-scholes.ts';
import { greekNames, type GreekName } from '#src/pricing/models/outputs.ts';
import reference from '#testkit/pricing-reference/greeks.json' with { type: 'json' };

type OutputName = 'price' | GreekName;
const outputNames: readonly OutputName[] = ['price', ...greekNames];

type Inputs = readonly [underlying: number, strike: number, time: number, rate: number, dividend: number, vol: number];
type Greeks = Record<OutputName, number>;
type Model = 'black_scholes' | 'black76' | 'bachelier';

const evaluate = (model: Model, sign: number, [s, k, time, rate, dividend, vol]: Inputs): Greeks => {
  const out = new Float64Array(outputNames.length);
  if (model === 'black_scholes') blackScholesEvaluate(s, k, time, rate, dividend, vol, sign, out);
  else (model === 'black76' ? black76Evaluate : bachelierEvaluate)(s, k, time, rate, vol, sign, out);
  return Object.fromEntries(outputNames.map((name, index) => [name, out[index]])) as Greeks;
};
const priceOf = (model: Model, sign: number, [s, k, time, rate, dividend, vol]: Inputs): number =>
  model === 'black_scholes'
    ? blackScholesPrice(s, k, time, rate, dividend, vol, sign)
    : (model === 'black76' ? black76Price : bachelierPrice)(s, k, time, rate, vol, sign);

const squareOfD = (model: Model, [s, k, time, rate, dividend, vol]: Inputs): number => {
  const moneyness =
    model === 'bachelier' ? s - k : Math.log(s / k) + (model === 'black76' ? 0 : rate - dividend) * time;
  return (moneyness / (vol * Math.sqrt(time))) ** 2;
};

for (const model of ['black_scholes', 'black76', 'bachelier'] as const) {
  test(`${model}: price and every greek agree with 60-digit values, tails included`, (t) => {
    for (const row of reference[model]) {
      const inputs = row.inputs as unknown as Inputs;
      const actual = evaluate(model, row.sign, inputs);
      // A rounding error of d causes an error of the density that is d^2 times as large.
      const tolerance = 2e-14 + 1.5e-16 * squareOfD(model, inputs);
      t.is(priceOf(model, row.sign, inputs), actual.price);
      for (const name of outputNames) {
        const error = Math.abs(actual[name] - row[name]);
        t.true(error <= Math.max(tolerance * Math.abs(row[name]), 1e-290), `${name} of ${JSON.stringify(row)}`);
      }
    }
  });
}

test('blackScholesFirstOrder agrees with 60-digit values, and its price equals that of blackScholesPrice', (t) => {
  const out = new Float64Array(outputNames.length);
  for (const row of reference.black_scholes) {
    const [s, k, time, rate, dividend, vol] = row.inputs as unknown as Inputs;
    blackScholesFirstOrder(s, k, time, rate, dividend, vol, row.sign, out);
    const tolerance = 3e-14 + 3e-16 * squareOfD('black_scholes', row.inputs as unknown as Inputs);
    t.is(out[0], priceOf('black_scholes', row.sign, row.inputs as unknown as Inputs));
    for (const [index, name] of outputNames.slice(0, 7).entries()) {
      // Theta is a difference of two terms, so the error is relative to their sum.
      const scale = name === 'theta' ? Math.abs(row.theta) + Math.abs(rate * row.rho) : Math.abs(row[name]);
      t.true(
        Math.abs(out[index]! - row[name]) <= Math.max(tolerance * scale, 1e-290),
        `${name} ${row.inputs.join(' ')}`,
      );
    }
  }
});

const published: [source: string, model: Model, sign: number, inputs: Inputs, output: OutputName, value: number][] = [
  ['Hull, 9th ed., example 15.6', 'black_scholes', 1, [42, 40, 0.5, 0.1, 0, 0.2], 'price', 4.76],
  ['Hull, 9th ed., example 15.6', 'black_scholes', -1, [42, 40, 0.5, 0.1, 0, 0.2], 'price', 0.81],
  ['Hull, 9th ed., example 17.1', 'black_scholes', 1, [930, 900, 2 / 12, 0.08, 0.03, 0.2], 'price', 51.83],
  ['Hull, 9th ed., example 18.6', 'black76', -1, [20, 20, 4 / 12, 0.09, 0, 0.25], 'price', 1.12],
  ['Hull, 9th ed., example 19.1', 'black_scholes', 1, [49, 50, 0.3846, 0.05, 0, 0.2], 'delta', 0.522],
  ['Hull, 9th ed., example 19.2', 'black_scholes', 1, [49, 50, 0.3846, 0.05, 0, 0.2], 'theta', -4.31],
  ['Hull, 9th ed., example 19.4', 'black_scholes', 1, [49, 50, 0.3846, 0.05, 0, 0.2], 'gamma', 0.066],
  ['Hull, 9th ed., example 19.6', 'black_scholes', 1, [49, 50, 0.3846, 0.05, 0, 0.2], 'vega', 12.1],
  ['Hull, 9th ed., example 19.7', 'black_scholes', 1, [49, 50, 0.3846, 0.05, 0, 0.2], 'rho', 8.91],
  ['Haug, 2nd ed., section 1.1.1', 'black_scholes', 1, [60, 65, 0.25, 0.08, 0, 0.3], 'price', 2.1334],
  ['Haug, 2nd ed., section 1.1.2', 'black_scholes', -1, [100, 95, 0.5, 0.1, 0.05, 0.2], 'price', 2.4648],
  ['Haug, 2nd ed., section 1.1.3', 'black76', 1, [19, 19, 0.75, 0.1, 0, 0.28], 'price', 1.7011],
  ['Haug, 2nd ed., section 2.1', 'black76', 1, [105, 100, 0.5, 0.1, 0, 0.36], 'delta', 0.5946],
  ['Haug, 2nd ed., section 2.1', 'black76', -1, [105, 100, 0.5, 0.1, 0, 0.36], 'delta', -0.3566],
  ['Haug, 2nd ed., section 2.2', 'black_scholes', 1, [55, 60, 0.75, 0.1, 0, 0.3], 'gamma', 0.0278],
  ['Haug, 2nd ed., section 2.3', 'black_scholes', 1, [55, 60, 0.75, 0.105, 0.0355, 0.3], 'vega', 18.5027],
  ['Haug, 2nd ed., section 2.5', 'black_scholes', -1, [430, 405, 1 / 12, 0.07, 0.05, 0.2], 'theta', -31.1924],
  ['Haug, 2nd ed., section 2.6', 'black_scholes', 1, [72, 75, 1, 0.09, 0, 0.19], 'rho', 38.7325],
];

for (const [source, model, sign, inputs, output, value] of published) {
  test(`${source}: ${model} ${sign === 1 ? 'call' : 'put'} ${output} ${inputs.join(' ')}`, (t) => {
    const decimals = String(value).split('.')[1]?.length ?? 0;
    t.is(evaluate(model, sign, inputs)[output].toFixed(decimals), value.toFixed(decimals));
  });
}

test('at zero time the price is the payoff and the greeks are its slopes', (t) => {
  t.like(evaluate('black_scholes', 1, [110, 100, 0, 0.05, 0.02, 0.2]), {
    price: 10,
    delta: 1,
    gamma: 0,
    vega: 0,
    rho: 0,
  });
  t.like(evaluate('black_scholes', -1, [110, 100, 0, 0.05, 0.02, 0.2]), { price: 0, gamma: 0, vega: 0, dual_gamma: 0 });
  t.is(evaluate('black_scholes', 1, [110, 100, 0, 0.05, 0.02, 0.2]).theta, 0.02 * 110 - 0.05 * 100);
  t.like(evaluate('bachelier', -1, [-5, 3, 0, 0.05, 0, 1]), {
    price: 8,
    delta: -1,
    dual_delta: 1,
    gamma: 0,
    ultima: 0,
  });
});

test('at zero volatility the price is the discounted payoff of the forward', (t) => {
  const call = evaluate('black_scholes', 1, [100, 100, 2, 0.05, 0.02, 0]);
  t.true(Math.abs(call.price - (100 * Math.exp(-0.04) - 100 * Math.exp(-0.1))) < 1e-13);
  t.true(Math.abs(call.delta - Math.exp(-0.04)) < 1e-15);
  t.is(call.vega, 0);
  t.true(outputNames.every((name) => Number.isFinite(call[name])));
  t.is(evaluate('black_scholes', -1, [100, 100, 2, 0.05, 0.02, 0]).price, 0);
  t.true(Math.abs(evaluate('black76', -1, [90, 100, 2, 0.05, 0, 0]).price - 10 * Math.exp(-0.1)) < 1e-14);
});

test('at the money with zero deviation, only limits that exist are finite', (t) => {
  const finite = (model: Model, inputs: Inputs): string[] => {
    const greeks = evaluate(model, 1, inputs);
    return outputNames.filter((name) => Number.isFinite(greeks[name]));
  };
  const noTime = finite('black_scholes', [100, 100, 0, 0.05, 0, 0.2]);
  t.deepEqual(noTime, ['price', 'delta', 'vega', 'rho', 'dividend_rho', 'vanna', 'volga', 'ultima', 'dual_delta']);
  const neither = finite('black_scholes', [100, 100, 0, 0.05, 0, 0]);
  t.false(neither.includes('delta'));
  t.true(neither.includes('price'));
  // The values at zero deviation are the limits from above.
  const limit = evaluate('black_scholes', 1, [100, 100, 1, 0, 0, 0]);
  const near = evaluate('black_scholes', 1, [100, 100, 1, 0, 0, 1e-7]);
  for (const name of ['delta', 'vega', 'theta', 'vanna', 'volga', 'charm', 'ultima', 'veta', 'dual_delta'] as const) {
    t.true(Math.abs(limit[name] - near[name]) < 1e-4, name);
  }
  t.is(limit.gamma, Number.POSITIVE_INFINITY);
});

test('prices at the corners of the domain are finite and not negative', (t) => {
  for (const s of [1e-300, 1, 1e12])
    for (const k of [1e-300, 1, 1e12])
      for (const time of [0, 1e-300, 1, 200])
        for (const rate of [-1, 0, 10])
          for (const vol of [0, 1e-300, 1, 100])
            for (const sign of [1, -1])
              for (const model of ['black_scholes', 'black76', 'bachelier'] as const) {
                const price = priceOf(model, sign, [s, k, time, rate, rate, vol]);
                if (!(price >= 0 && Number.isFinite(price)))
                  t.fail(`${model} ${[sign, s, k, time, rate, vol].join(' ')}`);
              }
  t.pass();
});

test('where both discounts are 0 in doubles the first-order greeks are those of all greeks', (t) => {
  const [all, first] = [new Float64Array(outputNames.length), new Float64Array(outputNames.length)];
  for (const sign of [1, -1]) {
    for (const [spot, rate, dividend] of [
      [100, 4, 4],
      [90, 10, 4],
      [120, 4, 10],
      [100, 10, 0],
    ] as const) {
      blackScholesEvaluate(spot, 100, 200, rate, dividend, 0.2, sign, all);
      blackScholesFirstOrder(spot, 100, 200, rate, dividend, 0.2, sign, first);
      t.deepEqual(first.subarray(0, 7), all.subarray(0, 7), `${sign} ${spot} ${rate} ${dividend}`);
    }
  }
});
