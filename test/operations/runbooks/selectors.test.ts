import test from 'ava';
import { selectorsOf } from '../../../scripts/verify/runbooks/selectors.ts';

test('the metrics of the service in a query, without functions and labels', (t) => {
  const query = 'sum by (queue) (increase(volwatch_jobs_total{outcome="dead"}[15m])) / volwatch_replica_up';
  t.deepEqual(selectorsOf(query), [
    { metric: 'volwatch_jobs_total', matchers: 'outcome="dead"' },
    { metric: 'volwatch_replica_up', matchers: '' },
  ]);
  t.deepEqual(selectorsOf('probe_success{job="probe"} == 0'), []);
});
