import test from 'ava';
import { createAdaptiveAmerican } from '#src/pricing/engines/american/adaptive-american.ts';
import { binomialPrice } from '#src/pricing/engines/american/binomial-lr.ts';
import { errorBounds, precisions } from '#src/pricing/engines/american/precision.ts';
import { referenceAmerican } from '#testkit/american/reference-american.ts';
import { randomAmericans, type AmericanInputs } from '#testkit/american/random-americans.ts';
import wide from '#testkit/pricing-reference/american-wide.json' with { type: 'json' };

const kernels = {
  fast: createAdaptiveAmerican('fast'),
  default: createAdaptiveAmerican('default'),
  high: createAdaptiveAmerican('high'),
};

// Kim's integral equation in extended precision; the values have ten decimals.
const hard: [inputs: AmericanInputs, price: number][] = [
  [[100, 90, 548 / 365, 0.5, -0.05, 0.4, -1], 2.1697134776],
  [[100, 90, 548 / 365, 0.5, -0.1, 0.4, -1], 1.9135086966],
  [[100, 100, 10, 0.1, 0, 0.1, -1], 1.7946140916],
  [[100, 100, 1, 0.1, 10, 0.25, 1], 0.1159369429],
];

for (const precision of precisions) {
  const bound = errorBounds[precision];
  test(`${precision}: hard options with known values are within ${bound} of the strike`, (t) => {
    for (const [inputs, price] of hard) {
      t.true(Math.abs(kernels[precision](...inputs) - price) <= bound * inputs[1] + 1e-10, JSON.stringify(inputs));
    }
  });

  test(`${precision}: options over the whole domain are within ${bound} of the strike of QuantLib's fine scheme`, (t) => {
    for (const row of wide.rows) {
      const inputs = row.slice(0, 7) as AmericanInputs;
      // QuantLib's own error is up to 1e-10 of the strike.
      const error = Math.abs(kernels[precision](...inputs) - row[7]!);
      t.true(error <= (bound + 1e-10) * inputs[1], `${error} ${JSON.stringify(row)}`);
    }
  });
}

test('random options over the whole domain agree with a second method, or are refused', (t) => {
  let priced = 0;
  for (const inputs of randomAmericans(20261126, 6)) {
    const reference = referenceAmerican(...inputs);
    for (const precision of precisions) {
      const value = kernels[precision](...inputs);
      if (Number.isNaN(value)) continue;
      priced++;
      const error = Math.abs(value - reference.price);
      const allowed = errorBounds[precision] * inputs[1] + reference.error + 1e-12 * inputs[0];
      t.true(error <= allowed, `${precision} ${error} ${JSON.stringify(inputs)} ${JSON.stringify(reference)}`);
    }
  }
  t.true(priced >= 15);
});

test('with two exercise boundaries the price is the limit of the tree, also below the lower one; calls are symmetric', (t) => {
  const puts: AmericanInputs[] = [
    [105, 100, 1, -0.01, -0.03, 0.2, -1],
    [105, 100, 5, -0.01, -0.03, 0.1, -1],
    [60, 100, 10, -0.005, -0.01, 0.08, -1],
    [35, 100, 1, -0.01, -0.03, 0.2, -1],
    [105, 100, 10, -0.001, -0.5, 1, -1],
  ];
  for (const inputs of puts) {
    const [spot, strike, time, rate, dividendYield, volatility, sign] = inputs;
    const tree = (steps: number): number =>
      binomialPrice({ spot, strike, time, rate, dividendYield, volatility, sign }, { american: true, steps });
    const [coarse, fine] = [tree(1001), tree(2001)];
    const value = kernels.default(...inputs);
    // The error of the tree falls with the number of steps at least.
    t.true(Math.abs(value - fine) <= 2 * Math.abs(fine - coarse) + 1e-4, `${value} ${fine} ${coarse}`);
    const high = kernels.high(...inputs);
    t.true(volatility === 1 ? Number.isNaN(high) : Math.abs(high - value) <= 1e-6 * strike, JSON.stringify(inputs));
    const call = kernels.default(strike, spot, time, dividendYield, rate, volatility, 1);
    t.true(Math.abs(call - value) <= 2e-6 * strike);
  }
});

test('two boundaries that meet before expiry have no price, never a wrong one', (t) => {
  t.true(Number.isNaN(kernels.default(105, 100, 20, -0.01, -0.03, 0.5, -1)));
});
