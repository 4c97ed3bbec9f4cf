import test from 'ava';
import fc from 'fast-check';
import { blackScholesPrice } from '#src/pricing/engines/european/black-scholes.ts';
import { barrierTypes, type BarrierType } from '#src/pricing/engines/exotic/barrier-types.ts';
import { createBarrier } from '#src/pricing/engines/exotic/barrier.ts';
import { createDigital, type DigitalPayoff } from '#src/pricing/engines/exotic/digital.ts';
import { indexOfOutput, outputNames, type OutputName } from '#src/pricing/models/outputs.ts';
import reference from '#testkit/pricing-reference/exotic.json' with { type: 'json' };

const barrier = createBarrier();
const digitals = { asset: createDigital('asset'), cash: createDigital('cash') };
const out = new Float64Array(outputNames.length);

type Inputs = [spot: number, strike: number, time: number, rate: number, dividendYield: number, volatility: number];
const priceOf = (inputs: Inputs, sign: number, level: number, rebate: number, type: BarrierType): number => {
  barrier(...inputs, sign, level, rebate, type, false, out);
  return out[0]!;
};
const digitalOf = (payoff: DigitalPayoff, inputs: Inputs, sign: number, cash: number): number => {
  digitals[payoff](...inputs, sign, cash, false, out);
  return out[0]!;
};

/** The unit of the error: what the output is for prices of the size of the spot over one deviation. */
const scaleOf = (name: string, [spot, , time, , , volatility]: Inputs): number => {
  const deviation = volatility * Math.sqrt(time);
  const byName: Readonly<Record<string, number>> = {
    delta: 1 / (deviation * spot),
    gamma: 1 / (deviation * spot) ** 2,
    speed: 1 / (deviation * spot) ** 3,
    dual_delta: 1 / (deviation * spot),
    dual_gamma: 1 / (deviation * spot) ** 2,
    vega: 1 / volatility,
    volga: 1 / volatility ** 2,
    vanna: 1 / (volatility * deviation * spot),
    theta: 1 / time,
    charm: 1 / (time * deviation * spot),
  };
  return spot * (byName[name] ?? 1);
};

const checkRow = (row: { inputs: readonly number[]; values: readonly number[] }): string[] =>
  reference.names.flatMap((name, index) => {
    const found = out[indexOfOutput[name as OutputName]]!;
    const error = Math.abs(found - row.values[index]!) / scaleOf(name, row.inputs as Inputs);
    return error < 1e-14 ? [] : [`${name} ${found}, not ${row.values[index]}: ${JSON.stringify(row)}`];
  });

test('prices and 12 greeks of barriers agree with 60-digit values to 1e-14 of their scale', (t) => {
  const negative = reference.barriers.filter(({ inputs, rebate, type }) => {
    const [, , , rate, dividend, volatility] = inputs as Inputs;
    const drift = rate - dividend - 0.5 * volatility * volatility;
    return rebate > 0 && type.endsWith('out') && drift * drift + 2 * rate * volatility * volatility < 0;
  });
  t.true(negative.length > 5, 'some rebates have complex terms in the closed form');
  for (const row of reference.barriers) {
    barrier(...(row.inputs as Inputs), row.sign, row.barrier, row.rebate, row.type as BarrierType, true, out);
    const [price] = out;
    t.deepEqual(checkRow(row), []);
    barrier(...(row.inputs as Inputs), row.sign, row.barrier, row.rebate, row.type as BarrierType, false, out);
    t.true(Math.abs(out[0]! - price!) < 1e-12, 'the price alone is that beside the greeks');
  }
});

test('prices and 12 greeks of digitals agree with 60-digit values to 1e-14 of their scale', (t) => {
  for (const row of reference.digitals) {
    digitals[row.payoff as DigitalPayoff](...(row.inputs as Inputs), row.sign, 10, true, out);
    t.deepEqual(checkRow(row), []);
  }
});

/** E. G. Haug (2007), table 4-13: spot 100, half a year, rate 8 %, cost of carry 4 %, rebate 3; strikes 90, 100 and 110. */
const haug: [type: BarrierType, sign: number, level: number, volatility: number, prices: number[]][] = [
  ['down_out', 1, 95, 0.25, [9.0246, 6.7924, 4.8759]],
  ['down_out', 1, 100, 0.25, [3, 3, 3]],
  ['up_out', 1, 105, 0.25, [2.6789, 2.358, 2.3453]],
  ['down_in', 1, 95, 0.25, [7.7627, 4.0109, 2.0576]],
  ['down_in', 1, 100, 0.25, [13.8333, 7.8494, 3.9795]],
  ['up_in', 1, 105, 0.25, [14.1112, 8.4482, 4.591]],
  ['down_out', 1, 95, 0.3, [8.8334, 7.0285, 5.4137]],
  ['up_out', 1, 105, 0.3, [2.6341, 2.4389, 2.4315]],
  ['down_in', 1, 95, 0.3, [9.0093, 5.137, 2.8517]],
  ['up_in', 1, 105, 0.3, [15.2098, 9.7278, 5.835]],
  ['down_out', -1, 95, 0.25, [2.2798, 2.2947, 2.6252]],
  ['up_out', -1, 105, 0.25, [3.776, 5.4932, 7.5187]],
  ['down_in', -1, 95, 0.25, [2.9586, 6.5677, 11.9752]],
  ['down_in', -1, 100, 0.25, [2.2845, 5.9085, 11.6465]],
  ['up_in', -1, 105, 0.25, [1.4653, 3.3721, 7.0846]],
  ['down_out', -1, 95, 0.3, [2.417, 2.4258, 2.6246]],
  ['up_out', -1, 105, 0.3, [4.2293, 5.8032, 7.5649]],
  ['down_in', -1, 95, 0.3, [3.8769, 7.7989, 13.3078]],
  ['up_in', -1, 105, 0.3, [2.0658, 4.4226, 8.3686]],
];
test('prices agree with the table of Haug to 1 in its last digit', (t) => {
  for (const [type, sign, level, volatility, prices] of haug) {
    prices.forEach((price, index) => {
      const found = priceOf([100, 90 + 10 * index, 0.5, 0.08, 0.04, volatility], sign, level, 3, type);
      t.true(Math.abs(found - price) < 1e-4, `${type} ${sign} ${level} ${volatility}: ${found}, not ${price}`);
    });
  }
  t.true(Math.abs(digitalOf('cash', [100, 80, 0.75, 0.06, 0.06, 0.35], -1, 10) - 2.671) < 6e-5);
  t.true(Math.abs(digitalOf('asset', [70, 65, 0.5, 0.07, 0.05, 0.27], -1, 0) - 20.2069) < 6e-5);
});

const within = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const markets = fc.tuple(
  within(10, 300),
  within(10, 300),
  within(0, 20),
  within(-0.2, 0.3),
  within(-0.2, 0.3),
  within(0, 2),
);
const signs = fc.constantFrom(1, -1);

test('a knock-in and a knock-out option are worth the vanilla option together, for any spot and barrier', (t) => {
  fc.assert(
    fc.property(markets, signs, within(10, 300), fc.constantFrom('down', 'up'), (inputs, sign, level, side) => {
      const [spot, strike, time, rate, dividend] = inputs;
      const sum =
        priceOf(inputs, sign, level, 0, `${side}_in` as BarrierType) +
        priceOf(inputs, sign, level, 0, `${side}_out` as BarrierType);
      const scale = spot * Math.exp(-dividend * time) + strike * Math.exp(-rate * time);
      t.true(
        Math.abs(sum - blackScholesPrice(...inputs, sign)) < 1e-13 * scale,
        JSON.stringify({ inputs, sign, level }),
      );
    }),
    { numRuns: 3_000, seed: 5 },
  );
});

test('a price has no negative value, and is at most the vanilla option and the rebate', (t) => {
  const types = fc.constantFrom(...barrierTypes);
  fc.assert(
    fc.property(markets, signs, within(10, 300), types, within(0, 50), (inputs, sign, level, type, rebate) => {
      const [spot, strike, time, rate, dividend] = inputs;
      const price = priceOf(inputs, sign, level, rebate, type);
      const noise = 1e-13 * (spot * Math.exp(-dividend * time) + (strike + rebate) * Math.exp(Math.abs(rate) * time));
      const max = blackScholesPrice(...inputs, sign) + rebate * Math.exp(Math.max(-rate * time, 0));
      t.true(
        price >= -noise && price <= max + noise,
        JSON.stringify({ inputs, sign, level, type, rebate, price, max }),
      );
    }),
    { numRuns: 3_000, seed: 6 },
  );
});

test('a digital call and put pay once, and a vanilla option is an asset less its strike in cash', (t) => {
  fc.assert(
    fc.property(markets, (inputs) => {
      const [spot, strike, time, rate, dividend] = inputs;
      const asset = spot * Math.exp(-dividend * time);
      const cash = strike * Math.exp(-rate * time);
      const noise = 1e-13 * (asset + cash);
      const calls = [digitalOf('asset', inputs, 1, 0), digitalOf('cash', inputs, 1, strike)] as const;
      t.true(Math.abs(calls[0] + digitalOf('asset', inputs, -1, 0) - asset) < noise, JSON.stringify(inputs));
      t.true(Math.abs(calls[1] + digitalOf('cash', inputs, -1, strike) - cash) < noise, JSON.stringify(inputs));
      t.true(Math.abs(calls[0] - calls[1] - blackScholesPrice(...inputs, 1)) < noise, JSON.stringify(inputs));
    }),
    { numRuns: 3_000, seed: 7 },
  );
});

test('at and next to the barrier the option is touched, or its price goes there without a jump', (t) => {
  for (const type of barrierTypes) {
    const direction = type.startsWith('down') ? 1 : -1;
    for (const sign of [1, -1]) {
      const at: Inputs = [100, 103, 0.5, -0.02, 0.01, 0.3];
      const near: Inputs = [100 * (1 + direction * 1e-10), 103, 0.5, -0.02, 0.01, 0.3];
      const touched = priceOf(at, sign, 100, 2, type);
      t.true(Math.abs(touched - priceOf(near, sign, 100, 2, type)) < 1e-7, type);
      t.is(touched, type.endsWith('out') ? 2 : blackScholesPrice(...at, sign));
      barrier(...near, sign, 100, 2, type, true, out);
      t.true(Number.isFinite(out[1]) && Number.isFinite(out[2]) && Number.isFinite(out[3]), `${type} ${out.join()}`);
    }
  }
});

test('a small time or volatility leads to the known path, and extreme inputs to no NaN', (t) => {
  for (const type of barrierTypes) {
    const level = type.startsWith('down') ? 90 : 112;
    for (const sign of [1, -1]) {
      for (const [rate, dividend] of [
        [0.1, 0],
        [0, 0.15],
      ] as const) {
        const known = priceOf([100, 103, 2, rate, dividend, 0], sign, level, 2, type);
        const near = priceOf([100, 103, 2, rate, dividend, 1e-4], sign, level, 2, type);
        t.true(Math.abs(known - near) < 1e-9, `${type} ${sign}: ${known}, ${near}`);
      }
      for (const volatility of [1e-300, 1e-50, 1e-9, 1e-3, 10, 100]) {
        for (const time of [1e-300, 1e-60, 1e-9, 1, 200]) {
          barrier(100, 103, time, 0.03, 0.01, volatility, sign, level, 2, type, true, out);
          t.true(Number.isFinite(out[0]), `${type} ${volatility} ${time}`);
          t.false(Number.isNaN(out[1]), `${type} ${volatility} ${time}`);
        }
      }
    }
  }
});
