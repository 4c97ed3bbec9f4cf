export { plainConnections } from './connection-faults.ts';
export { ConfigError, configExitStatus, loadConfig, readTelemetrySettings, type Config } from './config.ts';
