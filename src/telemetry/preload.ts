/**
 * Must be loaded first (`node --import ./src/telemetry/preload.ts src/main.ts`). Instrumentations patch only modules
 * that are imported after them, so all large modules are imported dynamically after the hooks are registered. With an
 * invalid configuration no telemetry starts; the service reports the error right after.
 */
import { register } from 'import-in-the-middle/register-hooks.mjs';
import { randomUUID } from 'node:crypto';
import manifest from '../../package.json' with { type: 'json' };
import { readTelemetrySettings } from '../config/index.ts';
import { createIdleRuntime, setTelemetryRuntime } from './runtime.ts';

const read = readTelemetrySettings();

if (read !== undefined) {
  const { enabled, serviceName, settings, hasEndpoint, inCluster, instanceId = randomUUID() } = read;
  if (enabled) {
    // Only the patched packages are intercepted, because every intercepted module makes the start slower.
    register({ include: ['pg', 'pg-pool', 'ioredis'] });
    const { startTelemetrySdk } = await import('./tracing/sdk.ts');
    setTelemetryRuntime(
      startTelemetrySdk({
        serviceName,
        serviceVersion: manifest.version,
        instanceId,
        settings,
        hasEndpoint,
        inCluster,
      }),
    );
  } else setTelemetryRuntime(createIdleRuntime(serviceName, instanceId));
}
