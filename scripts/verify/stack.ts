import { startReplicated, statementOn } from '#testkit/servers/replica.ts';
import { createTcpProxy, type TcpProxy } from '#testkit/servers/tcp-proxy.ts';
import { startRedisServer, type RedisServer } from '#testkit/servers/redis-server.ts';
import { startService, type Service } from '#testkit/service.ts';
import { apiKey, startTwelveDataServer, type TwelveDataServer } from '#testkit/servers/providers/twelve-data-server.ts';
import { startGoogleServer, type GoogleServer } from '#testkit/servers/google-server.ts';
import { startSmtpServer, type SmtpTestServer } from '#testkit/servers/smtp-server.ts';
import { startOtlpReceiver, type OtlpReceiver } from '#testkit/servers/otlp-receiver.ts';
import { client, privateKeyPem } from '#testkit/running-service.ts';
import { startReceiver, type Receiver } from '#testkit/servers/webhook-receiver.ts';
import { temporaryDirectory } from './programs.ts';
import type { Scope } from '#testkit/scope.ts';

export type Stack = {
  readonly service: Service;
  readonly collector: OtlpReceiver;
  readonly redis: RedisServer;
  /** Proxy in front of the Collector. */
  readonly exporterPath: TcpProxy;
  /** Executes a statement directly on the primary. */
  readonly sql: (text: string) => Promise<unknown>;
  /** Proxies in front of PostgreSQL and its replica. */
  readonly database: TcpProxy;
  readonly replica: TcpProxy;
  readonly provider: TwelveDataServer;
  /** Receiver of webhooks. */
  readonly receiver: Receiver;
  readonly google: GoogleServer;
  readonly smtp: SmtpTestServer;
  readonly primaryUrl: string;
};

const through = async (
  scope: Pick<Scope, 'teardown'>,
  address: string,
): Promise<TcpProxy & { readonly url: string }> => {
  const url = new URL(address);
  const proxy = await createTcpProxy({ target: { host: url.hostname, port: Number(url.port) } });
  scope.teardown(proxy.close);
  url.port = String(proxy.port);
  return { ...proxy, url: url.href };
};

/**
 * Starts the service with all its dependencies. Each dependency can be broken, and no code of this repository is
 * mocked.
 */
export const startStack = async (
  scope: Pick<Scope, 'teardown'>,
  environment: Readonly<Record<string, string>> = {},
): Promise<Stack> => {
  const directory = temporaryDirectory(scope);
  const { primaryUrl, replicaUrl } = await startReplicated(scope);
  const [database, replica] = await Promise.all([through(scope, primaryUrl), through(scope, replicaUrl)]);
  const redis = await startRedisServer(scope);
  const provider = await startTwelveDataServer(scope);
  const receiver = await startReceiver(scope);
  const google = await startGoogleServer(scope);
  const smtp = await startSmtpServer(scope);
  const collector = await startOtlpReceiver(scope);
  const exporterPath = await through(scope, collector.url);

  const service = await startService({
    environment: {
      VOLWATCH_DIRECTORY: directory,
      DATABASE_URL: database.url,
      DATABASE_REPLICA_URLS: replica.url,
      REDIS_URL: redis.url,
      // The lifetime is short, so that the traffic includes stale answers.
      CACHE_TTL_SECONDS: '1',
      MARKET_DATA_PROVIDER: 'twelve_data',
      TWELVE_DATA_API_KEY: apiKey,
      TWELVE_DATA_BASE_URL: provider.url,
      TWELVE_DATA_CREDITS_PER_MINUTE: '100000',
      ...google.environment,
      SMTP_URL: smtp.url,
      MAIL_FROM: 'volwatch@example.org',
      MAIL_PER_RECIPIENT_PER_HOUR: '1000',
      MAIL_PER_ACCOUNT_PER_HOUR: '1000',
      MAIL_PER_NETWORK_PER_HOUR: '1000000',
      MAIL_RETRY_DELAY_SECONDS: '1',
      PROVIDER_TIMEOUT_MS: '2000',
      BREAKER_RESET_MS: '2000',
      JWT_PRIVATE_KEY: privateKeyPem,
      BOOTSTRAP_CLIENT_ID: client.id,
      BOOTSTRAP_CLIENT_SECRET: client.secret,
      JOBS_RETRIES: '0',
      JOBS_POLL_MS: '500',
      FAULT_INJECTION: 'true',
      SHUTDOWN_DRAIN_MS: '0',
      DATABASE_ACQUIRE_TIMEOUT_MS: '300',
      DATABASE_POOL_MAX: '4',
      RATE_LIMIT_ENABLED: 'true',
      RATE_LIMIT_IP_PER_MINUTE: '100000',
      RATE_LIMIT_CLIENT_PER_MINUTE: '100000',
      RATE_LIMIT_LOGIN_PER_MINUTE: '1000',
      RATE_LIMIT_CALENDAR_SYNCS: '1000',
      RATE_LIMIT_CALENDAR_SYNCS_PER_ADDRESS: '1000',
      OTEL_EXPORTER_OTLP_ENDPOINT: exporterPath.url.replace(/\/$/, ''),
      ...environment,
    },
  });
  scope.teardown(() => service.stop(5_000));
  await service.ready();
  await service.logged(({ message }) => message === 'started');

  const sql = (text: string): Promise<unknown> => statementOn(primaryUrl, text);
  return {
    service,
    collector,
    sql,
    exporterPath,
    redis,
    database,
    replica,
    provider,
    receiver,
    google,
    smtp,
    primaryUrl,
  };
};
