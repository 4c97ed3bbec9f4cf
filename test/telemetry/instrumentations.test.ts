import test from 'ava';
import { getNodeAutoInstrumentations } from '@opentelemetry/auto-instrumentations-node';
import { instrumentations } from '#src/telemetry/tracing/instrumentations.ts';

test('of the bundle only pg, ioredis and undici are enabled: a new instrumentation must be disabled by name', (t) => {
  const on = getNodeAutoInstrumentations(instrumentations);
  t.teardown(() => on.forEach((instrumentation) => instrumentation.disable()));
  t.deepEqual(
    on.map(({ instrumentationName }) => instrumentationName.replace('@opentelemetry/instrumentation-', '')).toSorted(),
    ['ioredis', 'pg', 'undici'],
  );
});
