export { plainConnections } from './connection-faults.ts';
export { ConfigError, loadConfig, readTelemetrySettings, type Config } from './config.ts';
