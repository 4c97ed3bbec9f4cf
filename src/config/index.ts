export { plainConnections } from './connection-faults.ts';
export {
  ConfigError,
  loadConfig,
  readTelemetrySettings,
  openTelemetryNotices,
  withoutVariable,
  type Config,
} from './config.ts';
export { instrumentationNames, type InstrumentationName } from './opentelemetry/opentelemetry-variables.ts';
export type { OpenTelemetrySettings } from './opentelemetry/opentelemetry.ts';
