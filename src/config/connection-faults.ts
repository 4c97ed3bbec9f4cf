import { isLocalHost } from '#src/kernel/connections/local-host.ts';
import { sslModeOf, tlsOptionsOf } from '#src/kernel/connections/postgres-tls.ts';
import { parsePostgresUrl } from '#src/kernel/connections/postgres-url.ts';
import { faultOf } from './connection-strings.ts';
import type { Config } from './variables.ts';

type PostgresEntry = { readonly name: string; readonly url: string };

const postgresEntries = (config: Config): readonly PostgresEntry[] => [
  ...(config.DATABASE_URL === undefined ? [] : [{ name: 'DATABASE_URL', url: config.DATABASE_URL }]),
  ...(config.DATABASE_REPLICA_URLS ?? []).map((url, index) => ({
    name: `DATABASE_REPLICA_URLS (entry ${index + 1})`,
    url,
  })),
];

/** True for a connection to PostgreSQL whose data leave this machine without encryption. */
const isPlain = (config: Config, url: string): boolean => {
  const { host, tls } = parsePostgresUrl(url);
  return !isLocalHost(host) && sslModeOf(tls, config.DATABASE_SSL) === 'disable';
};

const isPlainRedis = (url: string): boolean => {
  const parsed = URL.parse(url);
  return parsed?.protocol === 'redis:' && !isLocalHost(parsed.hostname);
};

/** The variables whose connections to Redis leave this machine without encryption. With Sentinel the host of REDIS_URL is not used. */
const plainRedisVariables = ({ REDIS_URL, REDIS_URLS, REDIS_SENTINEL_URLS }: Config): readonly string[] => {
  const urls = {
    REDIS_URL: REDIS_URL === undefined || REDIS_SENTINEL_URLS !== undefined ? [] : [REDIS_URL],
    REDIS_URLS: REDIS_URLS ?? [],
    REDIS_SENTINEL_URLS: REDIS_SENTINEL_URLS ?? [],
  };
  return Object.entries(urls)
    .filter(([, given]) => given.some(isPlainRedis))
    .map(([name]) => name);
};

/** Names of the variables whose connections leave this machine without encryption. */
export const plainConnections = (config: Config): readonly string[] => [
  ...postgresEntries(config)
    .filter(({ url }) => isPlain(config, url))
    .map(({ name }) => name),
  ...plainRedisVariables(config),
];

/** Faults of the connection strings together with the variables that they depend on. */
export const connectionFaults = (config: Config): readonly string[] => {
  const { DATABASE_SSL: ssl } = config;
  const faults: string[] = [];
  for (const { name, url } of postgresEntries(config)) {
    const fault = faultOf(() => void tlsOptionsOf(parsePostgresUrl(url).tls, ssl));
    const isUnsaid = ssl === undefined && parsePostgresUrl(url).tls.mode === undefined;
    if (fault !== undefined) faults.push(`${name} ${fault}`);
    else if (config.NODE_ENV === 'production' && isUnsaid && isPlain(config, url)) {
      faults.push(
        `${name} leads to another machine without encryption: set DATABASE_SSL=verify-full (or require), or DATABASE_SSL=disable if the network protects the connection`,
      );
    }
  }
  if (config.NODE_ENV === 'production' && !config.REDIS_ALLOW_PLAIN) {
    for (const name of plainRedisVariables(config)) {
      faults.push(
        `${name} leads to another machine without encryption: use rediss://, or set REDIS_ALLOW_PLAIN=true if the network protects the connection`,
      );
    }
  }
  return faults;
};
