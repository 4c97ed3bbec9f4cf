import { connectionFaults } from './connection-faults.ts';
import { readOpenTelemetry, type OpenTelemetry, type OpenTelemetryNotice } from './opentelemetry/opentelemetry.ts';
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
    ...redisFaults(config as Config),
    ...providerFaults(config as Config),
    ...openTelemetryFaults(config as Config),
    ...calendarFaults(config as Config),
    ...cookieFaults(config as Config),
    ...mailFaults(config as Config),
  );
  if (faults.length > 0) throw new ConfigError(faults);
  return Object.freeze(config) as Config;
};

const requiredInProduction = ['DATABASE_URL', 'JWT_PRIVATE_KEY'] as const;
const redisVariables = ['REDIS_URL', 'REDIS_URLS', 'REDIS_SENTINEL_URLS'] as const;

const productionFaults = (config: Config, environment: Environment): string[] => {
  if (config.NODE_ENV !== 'production') return [];
  const isUnset = (name: string): boolean => (environment[name] ?? '') === '';
  const faults = requiredInProduction.filter(isUnset).map((name) => `${name} is required in production`);
  if (redisVariables.every(isUnset)) {
    faults.push('REDIS_URL is required in production (for a cluster REDIS_URLS, with Sentinel REDIS_SENTINEL_URLS)');
  }
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

const redisFaults = ({ REDIS_URL, REDIS_URLS, REDIS_SENTINEL_URLS }: Config): string[] => {
  if (REDIS_URLS === undefined) return [];
  const others = Object.entries({ REDIS_URL, REDIS_SENTINEL_URLS }).filter(([, value]) => value !== undefined);
  return others.map(([name]) => `REDIS_URLS is for a cluster, so ${name} must not be set too`);
};

const providerFaults = ({ MARKET_DATA_PROVIDER: provider, TWELVE_DATA_API_KEY, TIINGO_API_KEY }: Config): string[] => {
  // A refused value of the variable is undefined here.
  const keys: Readonly<Record<string, object | undefined>> = {
    twelve_data: { TWELVE_DATA_API_KEY },
    tiingo: { TIINGO_API_KEY },
  };
  return Object.entries(keys[provider] ?? {})
    .filter(([, key]) => key === undefined)
    .map(([name]) => `${name} is required with MARKET_DATA_PROVIDER=${provider}`);
};

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

/** Without an origin, no page of another site may read an answer, so the weaker cookie would only be a risk. */
const cookieFaults = ({ SESSION_COOKIE_SAMESITE: sameSite, CORS_ORIGINS: origins }: Config): string[] =>
  sameSite === 'none' && !origins?.some((origin) => origin !== '*')
    ? ['CORS_ORIGINS must list the origins of other sites, because SESSION_COOKIE_SAMESITE is none']
    : [];

const mailFaults = (config: Config): string[] => {
  const { SMTP_URL: url, MAIL_FROM: from, EMAIL_VERIFICATION: verification, NODE_ENV } = config;
  if (url !== undefined && from === undefined) return ['MAIL_FROM is required, because SMTP_URL is set'];
  return url === undefined && verification === 'required' && NODE_ENV === 'production'
    ? ['SMTP_URL is required in production with EMAIL_VERIFICATION=required']
    : [];
};

const openTelemetryFaults = ({ OTEL_CONFIG_FILE: file }: Config): string[] =>
  file === undefined ? [] : ['OTEL_CONFIG_FILE is refused: the other OTEL variables configure telemetry'];

type TelemetrySettings = OpenTelemetry & {
  readonly enabled: boolean;
  readonly serviceName: string;
  /** The name of this instance in spans, log lines and `target_info`, if the environment has one. */
  readonly instanceId: string | undefined;
  readonly hasEndpoint: boolean;
  /** Whether the process runs in a pod of Kubernetes. */
  readonly inCluster: boolean;
};

/**
 * For the preload. With an invalid configuration it returns undefined, and telemetry is off; `loadConfig` reports the
 * faults later.
 */
export const readTelemetrySettings = (environment: Environment = process.env): TelemetrySettings | undefined => {
  try {
    const config = loadConfig(environment);
    const openTelemetry = readOpenTelemetry(environment);
    const { OTEL_SDK_DISABLED, OTEL_RESOURCE_ATTRIBUTES: resource = {} } = openTelemetry.settings;
    return {
      ...openTelemetry,
      enabled: config.TELEMETRY_ENABLED && OTEL_SDK_DISABLED !== true,
      serviceName: config.OTEL_SERVICE_NAME ?? resource['service.name'] ?? 'volwatch',
      instanceId: resource['service.instance.id'],
      hasEndpoint:
        config.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined || config.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT !== undefined,
      inCluster: (environment['KUBERNETES_SERVICE_HOST'] ?? '') !== '',
    };
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
};

/** What the start logs about the variables of this process. */
export const openTelemetryNotices = (): readonly OpenTelemetryNotice[] => readOpenTelemetry(process.env).notices;

/** Runs `work` while the process has no such variable, for a library that must not read it. */
export const withoutVariable = <Result>(name: string, work: () => Result): Result => {
  const text = process.env[name];
  delete process.env[name];
  try {
    return work();
  } finally {
    if (text !== undefined) process.env[name] = text;
  }
};
