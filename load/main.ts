/**
 * Run with `k6 run load/main.ts`. The variables are SCENARIO, TARGET, RATE, DURATION_S and SEED, and for refreshes in
 * the background CLIENT_ID and CLIENT_SECRET. `npm run load` sets all of them.
 */
import { sleep } from 'k6';
import exec from 'k6/execution';
import type { Options } from 'k6/options';
import { runOne } from './mix.ts';
import { rolledBackRefreshes, send } from './requests.ts';
import { scenarioName, scenarios, stepAt } from './scenarios.ts';
import { target } from './target.ts';
import { thresholds } from './thresholds.ts';

export const options: Options = {
  scenarios: scenarios(),
  thresholds: thresholds(),
  summaryTrendStats: ['avg', 'min', 'med', 'p(95)', 'p(99)', 'max', 'count'],
  userAgent: 'volwatch-load',
  discardResponseBodies: false,
};

const clientId = __ENV['CLIENT_ID'];
const clientSecret = __ENV['CLIENT_SECRET'];

export const traffic = (): void => {
  if (scenarioName === 'stress') {
    exec.vu.metrics.tags['step'] = String(stepAt(Date.now() - exec.scenario.startTime));
  }
  runOne();
};

/**
 * Takes a token and starts a refresh every few seconds. A second refresh of the same universe at the same time gets a
 * 409.
 */
export const refreshes = (): void => {
  if (clientId === undefined || clientSecret === undefined) return sleep(1);
  const form = { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret };
  const issued = send({ method: 'POST', path: '/auth/token', route: '/auth/token', form });
  if (issued.status !== 200) return sleep(1);
  const answer = send({
    method: 'POST',
    path: '/refreshes',
    route: '/refreshes',
    body: { universe: 'tech5' },
    headers: { authorization: `Bearer ${issued.json('access_token') as string}`, prefer: 'wait=8' },
    expect: [200, 202, 409],
  });
  // A refresh that was rolled back is answered with its error, which has the record in the member `refresh`.
  if (answer.status >= 500 && answer.json('refresh.status') === 'rolled_back') rolledBackRefreshes.add(1);
  sleep(4);
};

export const handleSummary = (data: object): Record<string, string> => {
  const text = JSON.stringify({ target, ...data }, null, 2);
  return __ENV['SUMMARY'] === undefined ? { stdout: text } : { [__ENV['SUMMARY']]: text };
};
