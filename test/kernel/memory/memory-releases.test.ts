import test from 'ava';
import { memoryReleases } from '#src/kernel/catalogue/memory.ts';
import { createMemoryReleases } from '#src/kernel/memory/memory-releases.ts';
import { eventually } from '#testkit/eventually.ts';
import { recordingMetrics } from '../../http/support.ts';

test('collections and pages that are given back are measured', async (t) => {
  const { metrics, reported } = recordingMetrics();
  const { collect, giveBackPages } = createMemoryReleases({ metrics });
  t.deepEqual(
    reported.splice(0).map(({ value }) => value),
    [0, 0],
    'the series exist from the start',
  );
  collect();
  giveBackPages();
  await eventually(() => reported.length === memoryReleases.length, 'both are measured');
  t.deepEqual(
    reported.map(({ name, labels }) => ({ name, labels })),
    memoryReleases.map((action) => ({ name: 'volwatch_memory_release_seconds_total', labels: { action } })),
  );
  t.true(reported.every(({ value }) => value > 0 && value < 10));
});
