import type { Options } from 'k6/options';
import { scenarioName, stressSteps } from './scenarios.ts';

type Generated = {
  readonly routes: Readonly<Record<string, string>>;
  readonly thresholds: Readonly<Record<string, readonly string[]>>;
};

/** Generated out of slo.yaml. */
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

/** k6 keeps a figure per tag only for those that a threshold names: this one always holds. */
const perStep = (): Thresholds =>
  Object.fromEntries(
    stressSteps.flatMap((_, step) => [
      [`http_req_duration{step:${step}}`, ['p(99)>=0']],
      [`http_reqs{step:${step}}`, ['count>=0']],
    ]),
  );

/**
 * The service levels; a refused connection has a latency of 0, so checks and failures always count too.
 * `stress` goes past the knee on purpose: it is judged by answers, not by latency. `breakpoint` ends at the first level broken.
 */
export const thresholds = (): Thresholds => {
  const answered: Thresholds = {
    checks: ['rate>0.99'],
    unexpected_answers: ['count>=0'],
    options_priced: ['count>0'],
    rolled_back_refreshes: ['count>=0'],
    stale_answers: ['count>=0'],
  };
  if (scenarioName === 'stress') return { ...answered, ...perStep() };
  if (scenarioName === 'breakpoint') return { ...answered, ...levels(true) };
  return { ...answered, ...levels(false), rolled_back_refreshes: ['count==0'], dropped_iterations: ['count==0'] };
};
