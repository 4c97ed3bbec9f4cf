import type { Attack } from '../attack.ts';
import { each } from '../each.ts';
import { once } from '../payloads.ts';
import { rawRequest } from '../raw-request.ts';

const outputs = ['delta', 'gamma', 'vega', 'theta', 'rho', 'dividend_rho', 'vanna', 'volga', 'charm', 'dual_delta'];

/** Differences near zero volatility. None of their grids converges, which takes about 0.4 s. */
const greeksNearNoVolatility = once(() =>
  Buffer.from(
    JSON.stringify({
      model: 'finite_difference',
      option_type: 'call',
      exercise_style: 'american',
      spot: 100,
      strike: 31.5,
      time_to_expiry: 27.55,
      rate: -0.00049,
      volatility: 0,
      dividend_yield: -0.7,
      outputs,
    }),
  ),
);

/** 1,000 dividends in the last 15 days of 41 years. The price takes about 0.14 s. */
const priceOfLateDividends = once(() => {
  const years = 41.4;
  const dividends = Array.from({ length: 1_000 }, (_, index) => ({
    time: years * (1 - (index + 1) * 1e-6),
    amount: 0.192,
  }));
  return Buffer.from(
    JSON.stringify({
      model: 'finite_difference',
      option_type: 'put',
      exercise_style: 'american',
      spot: 100,
      strike: 106.7,
      time_to_expiry: years,
      rate: 0.2205,
      volatility: 0.40496,
      dividends,
    }),
  );
});

/**
 * Requests of one row. A row cannot be interrupted, so a batch of somebody else had waited in each round of its process for one row of
 * each other open task.
 */
export const slowRows: Attack = {
  name: 'prices and greeks whose one row is slow',
  orKinds: ['concurrency_by_caller'],
  run: async (field) => {
    const headers = { 'Content-Type': 'application/json' };
    await each(field, { parallel: 400, grouped: true }, (number, address) => {
      const request =
        number % 3 === 0
          ? { path: '/api/v1/pricing/greeks', body: greeksNearNoVolatility() }
          : { path: '/api/v1/pricing/price', body: priceOfLateDividends() };
      return rawRequest({ ...field, address, method: 'POST', headers, ...request });
    });
  },
};
