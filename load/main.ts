/**
 * Run with `k6 run load/main.ts`. The variables are SCENARIO, TARGET, RATE, DURATION_S and SEED, and for refreshes in
 * the background CLIENT_ID and CLIENT_SECRET. `npm run load` sets all of them.
 */
import { sleep } from 'k6';
import exec from 'k6/execution';
import type { Options } from 'k6/options';
import { calendarSync } from './account-steps.ts';
import { runOne } from './mix.ts';
import { bearer, clientToken } from './people.ts';
import { poolExhausted, rolledBackRefreshes, send } from './requests.ts';
import { poolPhaseAt, scenarioName, scenarios, stepAt } from './scenarios.ts';
import { target } from './target.ts';
import { thresholds } from './thresholds.ts';

export const options: Options = {
  scenarios: scenarios(),
  thresholds: thresholds(),
  summaryTrendStats: ['avg', 'min', 'med', 'p(95)', 'p(99)', 'max', 'count'],
  userAgent: 'volwatch-load',
  discardResponseBodies: false,
};

export const traffic = (): void => {
  if (scenarioName === 'stress') {
    exec.vu.metrics.tags['step'] = String(stepAt(Date.now() - exec.scenario.startTime));
  }
  runOne();
};

/**
 * Reads an asset that no cache has, so that each read needs a connection. Only during the burst a request may be
 * refused, and then by 503 with `Retry-After`.
 */
export const poolReads = (): void => {
  const inBurst = poolPhaseAt(Date.now() - exec.scenario.startTime) === 'burst';
  const response = send({
    method: 'GET',
    path: `/assets/NOBODY${exec.scenario.iterationInTest}`,
    route: '/assets/{symbol}',
    expect: inBurst ? [404, 503] : [404],
    level: 'none',
  });
  if (response.status !== 503) return;
  if (response.headers['Retry-After'] !== undefined && response.json('code') === 'database_pool_exhausted') {
    poolExhausted.add(1);
  }
};

/** Syncs of a few calendars at once, while their access tokens expire all the time. */
export const calendarSyncs = (): void => calendarSync();

/**
 * Takes a token and starts a refresh every few seconds. A second refresh of the same universe at the same time gets a
 * 409.
 */
export const refreshes = (): void => {
  const token = clientToken();
  if (token === undefined) return sleep(1);
  const answer = send({
    method: 'POST',
    path: '/refreshes',
    route: '/refreshes',
    body: { universe: 'tech5' },
    headers: { ...bearer(token), prefer: 'wait=8' },
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
