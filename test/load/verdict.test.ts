import test from 'ava';
import { verdict, type Summary } from '../../scripts/support/load-verdict.ts';

const held = { ok: true };
const summaryOf = (more: Summary['metrics'] = {}): Summary => ({
  metrics: {
    http_reqs: { values: { count: 100, rate: 20 } },
    checks: { values: { rate: 1 }, thresholds: { 'rate>0.99': held } },
    ...more,
  },
});

test('a run passes if all thresholds hold, and fails with the threshold that does not', (t) => {
  t.true(verdict('smoke', summaryOf()).passed);
  const broken = { dropped_iterations: { values: { count: 3 }, thresholds: { 'count==0': { ok: false } } } };
  const failed = verdict('smoke', summaryOf(broken));
  t.false(failed.passed);
  t.true(failed.lines.some((line) => line.includes('broken: dropped_iterations count==0')));
  t.false(verdict('smoke', { metrics: {} }).passed, 'a run without thresholds shows nothing');
});

test('the requests of each rare route are listed, also those that were never sent', (t) => {
  const route = (count: number) => ({ values: { count }, thresholds: { 'count>0': { ok: count > 0 } } });
  const { lines, passed } = verdict(
    'average',
    summaryOf({ 'http_reqs{route:/profile}': route(4), 'http_reqs{route:/auth/login}': route(0) }),
  );
  t.false(passed, 'a step that was left out');
  t.true(lines.includes('  requests by route: /profile 4, /auth/login 0'));
});

test('a stress run shows the step at which the latency rises', (t) => {
  const step = (p99: number): Summary['metrics'][string] => ({ values: { 'p(99)': p99, count: 10 } });
  const { lines } = verdict(
    'stress',
    summaryOf({
      'http_req_duration{step:0}': step(5),
      'http_reqs{step:0}': step(0),
      'http_req_duration{step:1}': step(40),
      'http_reqs{step:1}': step(0),
    }),
  );
  t.true(lines.includes('  the knee is at step 2'));
});
