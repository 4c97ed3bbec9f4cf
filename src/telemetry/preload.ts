/**
 * Loaded before everything else (`node --import ./src/telemetry/preload.ts src/main.ts`). Instrumentations can patch
 * only what is imported after them, so everything of weight is imported dynamically, once the hooks stand.
 * A faulty configuration starts no telemetry: the service reports it right after.
 */
import { register } from 'import-in-the-middle/register-hooks.mjs';
import manifest from '../../package.json' with { type: 'json' };
import { readTelemetrySettings } from '../config/index.ts';
import { setTelemetryRuntime } from './runtime.ts';

const settings = readTelemetrySettings();

if (settings?.TELEMETRY_ENABLED) {
  // Only the packages to be patched are intercepted: each further module would pay for it at start-up.
  register({ include: ['pg', 'pg-pool', 'ioredis'] });
  const { startTelemetrySdk } = await import('./tracing/sdk.ts');
  setTelemetryRuntime(
    startTelemetrySdk({
      serviceName: settings.OTEL_SERVICE_NAME,
      serviceVersion: manifest.version,
      sampler: settings.OTEL_TRACES_SAMPLER,
      samplerRatio: settings.OTEL_TRACES_SAMPLER_ARG ?? 1,
      exportToOtlp:
        settings.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined || settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT !== undefined,
    }),
  );
}
