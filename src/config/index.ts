export { ConfigError, configExitStatus, loadConfig, readTelemetrySettings, type Config } from './config.ts';
