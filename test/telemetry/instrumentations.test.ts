import test from 'ava';
import { getNodeAutoInstrumentations } from '@opentelemetry/auto-instrumentations-node';
import { readOpenTelemetry } from '#src/config/opentelemetry/opentelemetry.ts';
import { chosenInstrumentations, instrumentationConfig } from '#src/telemetry/tracing/instrumentations.ts';

const running = (environment: Readonly<Record<string, string>>): string[] => {
  const config = instrumentationConfig(chosenInstrumentations(readOpenTelemetry(environment).settings));
  const on = getNodeAutoInstrumentations(config);
  on.forEach((instrumentation) => instrumentation.disable());
  return on
    .map(({ instrumentationName }) => instrumentationName.replace('@opentelemetry/instrumentation-', ''))
    .toSorted();
};

test('of the bundle only pg, ioredis and undici are enabled: a new instrumentation must be disabled by name', (t) => {
  t.deepEqual(running({}), ['ioredis', 'pg', 'undici']);
});

test('the standard variables choose which instrumentations run', (t) => {
  t.deepEqual(running({ OTEL_NODE_ENABLED_INSTRUMENTATIONS: 'pg, dns' }), ['dns', 'pg']);
  t.deepEqual(running({ OTEL_NODE_DISABLED_INSTRUMENTATIONS: 'undici' }), ['ioredis', 'pg']);
  const both = { OTEL_NODE_ENABLED_INSTRUMENTATIONS: 'pg,net', OTEL_NODE_DISABLED_INSTRUMENTATIONS: 'pg' };
  t.deepEqual(running(both), ['net']);
});

test('an instrumentation that cannot run here is refused by name, with the reason', (t) => {
  const { settings, notices } = readOpenTelemetry({ OTEL_NODE_ENABLED_INSTRUMENTATIONS: 'pg,http,secret' });
  t.deepEqual(settings.OTEL_NODE_ENABLED_INSTRUMENTATIONS, ['pg']);
  t.is(notices.length, 1);
  t.regex(notices[0]!.message, /http: the service makes these spans itself; 1 unknown entry ignored/);
  t.false(notices[0]!.message.includes('secret'));
});
