import type { Options } from 'k6/options';
import { sentThresholds } from './mix-shares.ts';
import { scenarioName, stressSteps } from './scenarios.ts';

type Generated = {
  readonly routes: Readonly<Record<string, string>>;
  readonly thresholds: Readonly<Record<string, readonly string[]>>;
};

/** Generated from slo.yaml. */
const generated = JSON.parse(open('./thresholds.json')) as Generated;

/** The service level that a request counts towards: the value of its `slo` tag. */
export const levelOf = (method: string, route: string): string =>
  generated.routes[`${method} /api/v1${route}`] ?? 'none';

type Thresholds = NonNullable<Options['thresholds']>;

const levels = (abortOnFail: boolean): Thresholds =>
  Object.fromEntries(
    Object.entries(generated.thresholds).map(([metric, expressions]) => [
      metric,
      expressions.map((threshold) => (abortOnFail ? { threshold, abortOnFail, delayAbortEval: '10s' } : threshold)),
    ]),
  );

/** k6 reports the figures of a tag only if a threshold names the tag. These thresholds always pass. */
const perStep = (): Thresholds =>
  Object.fromEntries(
    stressSteps.flatMap((_, step) => [
      [`http_req_duration{step:${step}}`, ['p(99)>=0']],
      [`http_reqs{step:${step}}`, ['count>=0']],
    ]),
  );

/** Routes that only some steps of load/mix.ts send. */
const rareRoutes: readonly string[] = [
  '/pricing/implied-volatility',
  '/pricing/calibrate',
  '/ml/volatility-forecast',
  '/pricing/jobs',
  '/profile',
  '/settings',
  '/auth/login',
  '/auth/token',
  '/auth/me',
  '/calendar/events',
];

/** A step that was left out must not look like a step that passed. A short run may miss a rare one by chance. */
const perStepOfMix = (): Thresholds => {
  const isComplete = __ENV['LOAD_PEOPLE'] !== undefined && __ENV['CALENDAR'] === 'true' && scenarioName !== 'smoke';
  return sentThresholds(
    rareRoutes.map((route) => `route:${route}`),
    isComplete,
  );
};

/**
 * The service levels as thresholds. A refused connection has a latency of 0, so checks and failures also have
 * thresholds. `stress` exceeds the capacity on purpose, so its thresholds count answers and not latency. `breakpoint`
 * ends at the first level that fails.
 */
export const thresholds = (): Thresholds => {
  const all = { checks: ['rate==1'], unexpected_answers: ['count==0'], dropped_iterations: ['count==0'] };
  if (scenarioName === 'calendar') {
    const syncs = 'route:/calendar/sync/auto';
    return { ...all, [`http_reqs{${syncs}}`]: ['count>0'], [`http_req_duration{${syncs}}`]: ['p(99)<2000'] };
  }
  if (scenarioName === 'pool') {
    return { ...all, pool_exhausted: ['count>0'], http_req_duration: ['p(99)<2000'] };
  }
  const answered: Thresholds = {
    checks: ['rate>0.99'],
    unexpected_answers: ['count>=0'],
    options_priced: ['count>0'],
    rolled_back_refreshes: ['count>=0'],
    stale_answers: ['count>=0'],
    ...perStepOfMix(),
  };
  if (scenarioName === 'stress') return { ...answered, ...perStep() };
  if (scenarioName === 'breakpoint') return { ...answered, ...levels(true) };
  return { ...answered, ...levels(false), rolled_back_refreshes: ['count==0'], dropped_iterations: ['count==0'] };
};
