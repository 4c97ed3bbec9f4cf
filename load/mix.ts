import { apiKeyCaller, calendar, profile, sessionCaller, settings, signIn } from './account-steps.ts';
import { batch, calibrate, forecast, impliedVolatility, pricingJob, single } from './pricing-steps.ts';
import { oneOf, random } from './random.ts';
import { indexes, pages, read, symbols } from './read-steps.ts';

type Step = { readonly share: number; readonly run: () => void };

/** The steps of the usual traffic with their shares. */
const mix: readonly Step[] = [
  { share: 30, run: () => single('price') },
  { share: 12, run: () => single('greeks') },
  { share: 4, run: impliedVolatility },
  { share: 8, run: () => batch(10) },
  { share: 4, run: () => batch(100) },
  { share: 2, run: () => batch(1_000) },
  { share: 1, run: forecast },
  { share: 1, run: calibrate },
  { share: 1, run: pricingJob },
  { share: 8, run: () => read(`/assets/${oneOf(symbols)}`, '/assets/{symbol}') },
  { share: 6, run: () => read('/assets', '/assets') },
  { share: 7, run: () => read(`/indexes/${oneOf(indexes)}/values?limit=100`, '/indexes/{code}/values') },
  { share: 5, run: pages },
  { share: 3, run: () => read('/pricing/models', '/pricing/models') },
  { share: 3, run: profile },
  { share: 2, run: settings },
  { share: 2, run: apiKeyCaller },
  { share: 2, run: sessionCaller },
  { share: 1, run: signIn },
  { share: 1, run: calendar },
];
const whole = mix.reduce((sum, { share }) => sum + share, 0);

export const runOne = (): void => {
  let drawn = random() * whole;
  for (const { share, run } of mix) {
    drawn -= share;
    if (drawn < 0) return run();
  }
};
