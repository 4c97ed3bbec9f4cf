export { ConfigError, loadConfig, readTelemetrySettings, type Config } from './config.ts';
