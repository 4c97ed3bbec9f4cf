import exec from 'k6/execution';
import { apiKeyCaller, calendar, profile, sessionCaller, settings, signIn } from './account-steps.ts';
import { mixShares, type StepName } from './mix-shares.ts';
import { batch, calibrate, forecast, impliedVolatility, pricingJob, single } from './pricing-steps.ts';
import { oneOf, random } from './random.ts';
import { indexes, pages, read, symbols } from './read-steps.ts';

/** The steps of the usual traffic. Their shares are in mix-shares.ts. */
const steps: Readonly<Record<StepName, () => void>> = {
  price: () => single('price'),
  greeks: () => single('greeks'),
  impliedVolatility,
  batchOf10: () => batch(10),
  batchOf100: () => batch(100),
  batchOf1000: () => batch(1_000),
  forecast,
  calibrate,
  pricingJob,
  asset: () => read(`/assets/${oneOf(symbols)}`, '/assets/{symbol}'),
  assets: () => read('/assets', '/assets'),
  indexValues: () => read(`/indexes/${oneOf(indexes)}/values?limit=100`, '/indexes/{code}/values'),
  pages,
  models: () => read('/pricing/models', '/pricing/models'),
  profile,
  settings,
  apiKeyCaller,
  sessionCaller,
  signIn,
  calendar,
};

const names = Object.keys(mixShares) as StepName[];
const whole = names.reduce((sum, name) => sum + mixShares[name].share, 0);

/** Runs one step, drawn by its share. Its requests have the tag `caller`. */
export const runOne = (): void => {
  let drawn = random() * whole;
  for (const name of names) {
    const { share, caller } = mixShares[name];
    drawn -= share;
    if (drawn >= 0) continue;
    exec.vu.metrics.tags['caller'] = caller;
    return steps[name]();
  }
};
