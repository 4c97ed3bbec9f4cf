import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { Gauge, Registry } from 'prom-client';
import { metricsRoute } from '#src/telemetry/admin/metrics-route.ts';

const request = { parameters: {}, query: new URLSearchParams(), headers: {}, body: async () => ({}) };

test('a text that took long does not delay the next scrape beyond the timeout of a scraper', async (t) => {
  let now = 0;
  const registry = new Registry();
  // The process is busy with other work while it makes the text: ten seconds pass.
  const collect = (): void => void (now += 10_000);
  registry.registerMetric(new Gauge({ name: 'busy', help: 'A metric whose text takes long', registers: [], collect }));
  const route = metricsRoute({ registry, clock: { monotonic: () => now } });
  await route.handle(request);
  const late = sleep(5_000, 'late', { ref: false });
  const reply = await Promise.race([route.handle(request), late]);
  t.not(reply, 'late');
  t.is(now, 20_000);
});
