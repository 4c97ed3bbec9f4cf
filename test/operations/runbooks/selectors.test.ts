import test from 'ava';
import { isSelected, selectorsOf } from '../../../scripts/verify/runbooks/selectors.ts';

const exposition = `# TYPE volwatch_jobs_total counter
volwatch_jobs_total{queue="refresh",outcome="dead"} 1
http_server_request_duration_seconds_count{http_response_status_code="503",error_type="database_unavailable"} 2
volwatch_replica_up 1
`;
const selected = (query: string): boolean => selectorsOf(query).every((selector) => isSelected(exposition, selector));

test('the metrics of the service in a query, without functions and labels', (t) => {
  const query = 'sum by (queue) (increase(volwatch_jobs_total{outcome="dead"}[15m])) / volwatch_replica_up';
  t.deepEqual(selectorsOf(query), [
    { metric: 'volwatch_jobs_total', matchers: 'outcome="dead"' },
    { metric: 'volwatch_replica_up', matchers: '' },
  ]);
  t.deepEqual(selectorsOf('probe_success{job="probe"} == 0'), []);
});

test('a selector has a series or not', (t) => {
  t.true(selected('volwatch_jobs_total{queue="refresh",outcome=~"dead|failed"}'));
  t.false(selected('volwatch_jobs_total{queue="refresh",outcome="ok"}'));
  t.true(selected('http_server_request_duration_seconds_count{http_response_status_code=~"5..",job="volwatch"}'));
  t.false(selected('http_server_request_duration_seconds_count{http_response_status_code!~"5.."}'));
  t.true(selected('volwatch_replica_up'));
  t.false(selected('volwatch_dependency_up'));
});
