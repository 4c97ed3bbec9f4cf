import test from 'ava';
import { createBinomialEngine } from '#src/pricing/engines/american/binomial-engine.ts';
import { binomialPrice } from '#src/pricing/engines/american/binomial-lr.ts';
import { blackScholesPrice } from '#src/pricing/engines/european/black-scholes.ts';

type Inputs = [spot: number, strike: number, time: number, rate: number, dividend: number, vol: number, sign: number];
const tree = (
  [spot, strike, time, rate, dividendYield, volatility, sign]: Inputs,
  steps: number,
  american = true,
): number => binomialPrice({ spot, strike, time, rate, dividendYield, volatility, sign }, { american, steps });

test('deep in the money the tree has the price, also where a probability is nearly 1 or 0', (t) => {
  for (const steps of [1001, 1075, 2001, 5001]) {
    for (const sign of [1, -1]) {
      for (const volatility of [0.003, 0.01, 0.03]) {
        // The probability of a step down is from 1e-6 to below the smallest double, and 1e-16 in between.
        for (let root = 4; root <= 40; root += steps > 2001 ? 4 : 1) {
          const spot = 100 * Math.exp(sign * root * Math.sqrt(0.1 * steps) * volatility - 0.02);
          if (spot > 1e6 || spot < 1e-4) continue;
          const inputs: Inputs = [spot, 100, 1, 0.02, 0, volatility, sign];
          const error = Math.abs(tree(inputs, steps, false) - blackScholesPrice(...inputs));
          t.true(error <= 1e-9 * Math.max(spot, 100), `${inputs.join(' ')} ${steps} ${error}`);
        }
      }
    }
  }
  for (const spot of [1396, 1400, 1410, 1422]) {
    const inputs: Inputs = [spot, 100, 1, 0.02, 0, 0.01, 1];
    t.true(Math.abs(tree(inputs, 2001, false) - blackScholesPrice(...inputs)) < 1e-8, `${spot}`);
  }
});

test('a tree whose spots are outside the range of doubles has the European price or none, and never a wrong one', (t) => {
  for (const steps of [11, 101, 2001]) {
    for (const [volatility, time] of [
      [0, 1],
      [5, 1],
      [10, 25],
      [20, 1],
      [50, 1],
      [100, 25],
    ] as const) {
      for (const sign of [1, -1]) {
        const inputs: Inputs = [100, 90, time, 0.03, 0.01, volatility, sign];
        const exact = blackScholesPrice(...inputs);
        const european = tree(inputs, steps, false);
        // The tree of 11 steps is coarse for such volatilities.
        t.true(
          Math.abs(european - exact) < (steps > 11 ? 0.5 : 4),
          `${inputs.join(' ')} ${steps} ${european} ${exact}`,
        );
        const american = tree(inputs, steps);
        t.true(Number.isNaN(american) || american >= exact - 0.5, `${inputs.join(' ')} ${steps} ${american}`);
      }
    }
  }
  t.true(Number.isNaN(tree([100, 90, 25, 0.03, 0.01, 10, 1], 501)));
  const option = {
    option_type: 'call',
    exercise_style: 'american',
    spot: 100,
    strike: 90,
    time_to_expiry: 25,
  } as const;
  const engine = createBinomialEngine();
  const row = { ...option, model: 'binomial_lr', rate: 0.03, dividend_yield: 0.01, volatility: 10 };
  t.is(engine.refusal!(row) ?? engine.failure?.code, 'not_converged');
});
