import test from 'ava';
import { createLoadShedding } from '#src/http/admission/load-shedding.ts';
import { createClientIp } from '#src/http/server/client-ip.ts';
import { createRequestStarts } from '#src/http/server/request-starts.ts';
import { serve } from '#test/http/support.ts';
import { recordAbuse } from '#testkit/abuse.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { setupUniverses } from '../universes/setup.ts';

test('an explanation of the cache takes a place of large pages, as one that is calculated', async (t) => {
  const { routes, refreshes } = await setupUniverses(t);
  await refreshes.run({ universe: 'tech5', trigger: 'startup' });
  const metrics = recordMetrics();
  const starts = createRequestStarts(createClientIp({ trustedProxies: [] }));
  const limits = { pricing: 100, batch: 100, read: 100, write: 100 };
  const bounds = { limits, callerPercent: 100, lagMs: 60_000 };
  const { call } = await serve(t, {
    routes: routes.filter(({ path }) => path === '/indexes/{code}/explain'),
    metrics,
    starts,
    loadShedding: createLoadShedding(bounds, { metrics, abuse: recordAbuse(), starts }),
  });
  const places = (): number => metrics.value('volwatch_places_wait_duration_seconds', { work: 'large_page' });
  for (const [number, state] of ['fwd=miss', 'hit', 'hit'].entries()) {
    const answer = await call('/api/v1/indexes/TECH5_PW/explain');
    t.is(answer.status, 200, await answer.text());
    t.is(answer.headers.get('Cache-Status'), `volwatch; ${state}`);
    t.is(places(), number + 1);
  }
  const known = await call('/api/v1/indexes/TECH5_PW/explain', { headers: { 'If-None-Match': '*' } });
  await known.text();
  t.is(places(), 4, 'an answer without a body reads the same entry');
});
