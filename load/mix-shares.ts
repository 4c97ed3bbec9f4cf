/** The credentials with which the steps of the mix call; docs/load.md explains them. Each has a threshold of its own. */
export const callerKinds = ['public', 'token', 'client', 'api_key', 'session'] as const;
type CallerKind = (typeof callerKinds)[number];

/** A share of the steps, and the caller of its requests: the `caller` tag. */
type Share = { readonly share: number; readonly caller: CallerKind };

/** The shares of the usual traffic. This file needs nothing of k6, so that a test can read it. */
export const mixShares = {
  price: { share: 30, caller: 'public' },
  greeks: { share: 12, caller: 'public' },
  impliedVolatility: { share: 4, caller: 'public' },
  batchOf10: { share: 8, caller: 'public' },
  batchOf100: { share: 4, caller: 'public' },
  batchOf1000: { share: 2, caller: 'public' },
  forecast: { share: 1, caller: 'client' },
  calibrate: { share: 1, caller: 'public' },
  pricingJob: { share: 1, caller: 'client' },
  asset: { share: 8, caller: 'public' },
  assets: { share: 6, caller: 'public' },
  indexValues: { share: 7, caller: 'public' },
  pages: { share: 5, caller: 'public' },
  models: { share: 3, caller: 'public' },
  profile: { share: 3, caller: 'token' },
  settings: { share: 2, caller: 'token' },
  apiKeyCaller: { share: 2, caller: 'api_key' },
  sessionCaller: { share: 2, caller: 'session' },
  signIn: { share: 1, caller: 'public' },
  calendar: { share: 1, caller: 'token' },
} as const satisfies Readonly<Record<string, Share>>;

export type StepName = keyof typeof mixShares;

/** Thresholds of the number of requests by tag. In a complete run each of them must have been sent. */
export const sentThresholds = (tags: readonly string[], isComplete: boolean): Record<string, string[]> =>
  Object.fromEntries(
    [...tags, ...callerKinds.map((caller) => `caller:${caller}`)].map((tag) => [
      `http_reqs{${tag}}`,
      [isComplete ? 'count>0' : 'count>=0'],
    ]),
  );
