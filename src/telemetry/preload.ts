/**
 * Must be loaded first (`node --import ./src/telemetry/preload.ts src/main.ts`). Instrumentations patch only modules
 * that are imported after them, so all large modules are imported dynamically after the hooks are registered. With an
 * invalid configuration no telemetry starts; the service reports the error right after.
 */
import { register } from 'import-in-the-middle/register-hooks.mjs';
import manifest from '../../package.json' with { type: 'json' };
import { readTelemetrySettings } from '../config/index.ts';
import { setTelemetryRuntime } from './runtime.ts';

const settings = readTelemetrySettings();

if (settings?.TELEMETRY_ENABLED) {
  // Only the patched packages are intercepted, because every intercepted module makes the start slower.
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
