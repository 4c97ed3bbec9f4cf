import { connectionFaults } from './connection-faults.ts';
import { configVariables, type Config } from './variables.ts';

export type { Config } from './variables.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Contains all faults of the environment, one line each, with the name of the variable and without its value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(
      `The configuration has ${faults.length} fault${faults.length === 1 ? '' : 's'}:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
    );
    this.faults = faults;
  }
}

/** Exit status for an invalid configuration (EX_CONFIG of sysexits.h). */
export const configExitStatus = 78;

/** Reads all variables from the environment. @throws ConfigError with all faults */
export const loadConfig = (environment: Environment = process.env): Config => {
  const config: Record<string, unknown> = {};
  const faults: string[] = [];
  for (const [name, { schema, fallback }] of Object.entries(configVariables)) {
    const value = environment[name];
    const parsed = schema.safeParse(value === undefined || value === '' ? fallback : value);
    if (parsed.success) config[name] = parsed.data;
    else faults.push(...parsed.error.issues.map((issue) => `${name} ${issue.message}`));
  }
  faults.push(
    ...productionFaults(config as Config, environment),
    ...pairFaults(config as Config),
    ...connectionFaults(config as Config),
    ...providerFaults(config as Config),
    ...calendarFaults(config as Config),
  );
  if (faults.length > 0) throw new ConfigError(faults);
  return Object.freeze(config) as Config;
};

const requiredInProduction = ['DATABASE_URL', 'REDIS_URL', 'JWT_PRIVATE_KEY'] as const;

const productionFaults = (config: Config, environment: Environment): string[] => {
  if (config.NODE_ENV !== 'production') return [];
  const faults = requiredInProduction
    .filter((name) => (environment[name] ?? '') === '')
    .map((name) => `${name} is required in production`);
  if (config.FAULT_INJECTION) faults.push('FAULT_INJECTION is refused in production');
  if (config.CORS_ORIGINS?.includes('*')) faults.push('CORS_ORIGINS must list origins, not *, in production');
  return faults;
};

const pairFaults = (config: Config): string[] => {
  const { BOOTSTRAP_CLIENT_ID: id, BOOTSTRAP_CLIENT_SECRET: secret } = config;
  if ((id === undefined) === (secret === undefined)) return [];
  return [
    `${id === undefined ? 'BOOTSTRAP_CLIENT_ID' : 'BOOTSTRAP_CLIENT_SECRET'} is required, because the other variable of the bootstrap client is set`,
  ];
};

const providerFaults = ({ MARKET_DATA_PROVIDER: provider, TWELVE_DATA_API_KEY: key }: Config): string[] =>
  provider === 'twelve_data' && key === undefined
    ? ['TWELVE_DATA_API_KEY is required with MARKET_DATA_PROVIDER=twelve_data']
    : [];

const calendarFaults = (config: Config): string[] => {
  const { GOOGLE_CLIENT_ID: id, GOOGLE_CLIENT_SECRET: secret, TOKEN_ENCRYPTION_KEY: key, NODE_ENV } = config;
  if (id === undefined && secret === undefined) return [];
  const faults: string[] = [];
  if (id === undefined) faults.push('GOOGLE_CLIENT_ID is required, because GOOGLE_CLIENT_SECRET is set');
  if (secret === undefined) faults.push('GOOGLE_CLIENT_SECRET is required, because GOOGLE_CLIENT_ID is set');
  if (NODE_ENV === 'production' && key === undefined) {
    faults.push('TOKEN_ENCRYPTION_KEY is required in production with GOOGLE_CLIENT_ID');
  }
  return faults;
};

export type TelemetrySettings = Pick<Config, 'TELEMETRY_ENABLED' | 'OTEL_SERVICE_NAME' | 'OTEL_TRACES_SAMPLER'> & {
  readonly OTEL_TRACES_SAMPLER_ARG?: number | undefined;
  readonly OTEL_EXPORTER_OTLP_ENDPOINT?: string | undefined;
  readonly OTEL_EXPORTER_OTLP_TRACES_ENDPOINT?: string | undefined;
};

/**
 * For the preload. With an invalid configuration it returns undefined, and telemetry is off; `loadConfig` reports the
 * faults later.
 */
export const readTelemetrySettings = (environment: Environment = process.env): TelemetrySettings | undefined => {
  try {
    return loadConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
};
