import type { HestonInputs } from '#src/pricing/models/engine.ts';
import { calibrationSteps, type Calibration } from '#src/pricing/calibration/calibration.ts';
import { readCalibration } from '#src/pricing/calibration/read-calibration.ts';
import { createHeston } from '#src/pricing/engines/heston/heston.ts';
import { outputNames } from '#src/pricing/models/outputs.ts';

export const market = { spot: 100, rate: 0.02, dividend_yield: 0.01 };
/** Years to eight expiries. */
export const times = [30 / 365, 60 / 365, 90 / 365, 0.5, 0.75, 1, 1.5, 2];
/** Distances from the money in units of 20 % times the square root of time. */
export const distances = [-1.5, -0.75, 0, 0.75, 1.5];

type QuoteBody = {
  readonly strike: number;
  readonly time_to_expiry: number;
  readonly option_type: 'call' | 'put';
  readonly price: number;
};

const heston = createHeston();
const out = new Float64Array(outputNames.length);

/** Quotes with the prices of a model. The five strikes of an expiry are puts and calls in turn. */
export const quotesOf = (model: HestonInputs, years = times, at = distances): QuoteBody[] =>
  years.flatMap((time) =>
    at.map((distance, index) => {
      const { spot, rate, dividend_yield: dividendYield } = market;
      const strike = spot * Math.exp(0.2 * distance * Math.sqrt(time));
      const sign = index % 2 === 0 ? 1 : -1;
      heston(spot, strike, time, rate, dividendYield, model, sign, false, out);
      return { strike, time_to_expiry: time, option_type: sign === 1 ? 'call' : 'put', price: out[0]! };
    }),
  );

/** Calibrates without a pricing process. */
export const calibrated = (body: unknown): Calibration => {
  const steps = calibrationSteps(readCalibration(Buffer.from(JSON.stringify(body)), 20));
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
};
