import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { createCollectAll } from '#src/telemetry/metrics/collect-all.ts';

test('a scrape does not wait for a source that does not answer, and later scrapes wait for the same question', async (t) => {
  const order: string[] = [];
  const warnings: string[] = [];
  let late = 0;
  let answer = (): void => {};
  const collect = createCollectAll({
    first: [() => void order.push('health')],
    collectors: [
      () => {
        order.push('asked');
        return new Promise<void>((resolve) => (answer = resolve));
      },
      () => void order.push('after'),
    ],
    metrics: { count: (_name, _labels, value = 1) => void (late += value) },
    logger: { ...silentLogger, warn: (_fields, message) => void warnings.push(message) },
    maxWaitMs: 20,
  });
  await collect();
  await collect();
  t.deepEqual(order, ['health', 'asked', 'health']);
  t.is(late, 2);
  // Once for an outage, not for each scrape.
  t.deepEqual(warnings, ['a scrape did not wait for all gauges']);
  answer();
  const before = order.length;
  // The round that was late has ended, so this is a new one.
  await nextTurn();
  t.deepEqual(order.slice(before), ['after']);
  const third = collect();
  await nextTurn();
  answer();
  await third;
  t.deepEqual(order.slice(before + 1), ['health', 'asked', 'after']);
  t.is(late, 2);
});
