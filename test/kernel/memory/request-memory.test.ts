import test from 'ava';
import { createRequestMemory } from '#src/kernel/memory/request-memory.ts';
import { recordingMetrics } from '../../http/support.ts';

test('the memory of requests is the sum of what its holders have at the moment', (t) => {
  const { metrics, reported } = recordingMetrics();
  const memory = createRequestMemory({ metrics });
  t.is(memory.total(), 0);
  const held = { bodies: 100, answers: 20 };
  memory.count('bodies', () => held.bodies);
  memory.count('answers', () => held.answers);
  t.is(memory.total(), 120);
  held.bodies = 1;
  t.is(memory.total(), 21);
  t.is(memory.heldBy(['answers', 'syncs']), 20, 'nothing counts syncs yet');
  memory.collect();
  t.deepEqual(
    reported.map(({ name, labels, value }) => [name, labels['holder'], value]),
    [
      ['volwatch_request_memory_bytes', 'bodies', 1],
      ['volwatch_request_memory_bytes', 'answers', 20],
    ],
  );
});
