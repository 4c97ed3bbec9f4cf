import test from 'ava';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { setTelemetryRuntime, telemetryRuntime, type TelemetryRuntime } from '#src/telemetry/runtime.ts';
import { runTelemetrySelfTest } from '#src/telemetry/tracing/self-test.ts';

const off = telemetryRuntime();

const setup = (overrides: Partial<TelemetryRuntime>) => {
  const warnings: [fields: unknown, message: string][] = [];
  const instrumentations = new Set(['pg', 'ioredis', 'undici'] as const);
  setTelemetryRuntime({ ...off, enabled: true, recordsChildren: true, instrumentations, ...overrides });
  return {
    warnings,
    logger: { ...silentLogger, warn: (fields: unknown, message: string) => void warnings.push([fields, message]) },
  };
};

test.serial('one warning names the libraries that are not instrumented', async (t) => {
  const { logger, warnings } = setup({
    recordScopes: async (work) => {
      await work();
      return new Set(['volwatch', '@opentelemetry/instrumentation-pg']);
    },
  });
  t.deepEqual(await runTelemetrySelfTest({ logger }), ['ioredis', 'undici']);
  t.deepEqual(warnings, [[{ missing_spans: ['ioredis', 'undici'] }, 'instrumentation is incomplete']]);
});

test.serial('with telemetry off, or a sampler that drops children, the self-test does nothing', async (t) => {
  for (const state of [{ enabled: false }, { recordsChildren: false }]) {
    const { logger, warnings } = setup({ ...state, recordScopes: () => Promise.reject(new Error('tried')) });
    t.deepEqual(await runTelemetrySelfTest({ logger }), []);
    t.is(warnings.length, 0);
  }
});
