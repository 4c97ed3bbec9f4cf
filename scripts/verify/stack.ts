import { chmodSync } from 'node:fs';
import { startEmbeddedPostgres } from '#src/database/embedded-postgres.ts';
import { silentLogger } from '#src/kernel/logger.ts';
import { createTcpProxy, type TcpProxy } from '#test/support/tcp-proxy.ts';
import { startRedisServer, type RedisServer } from '#test/support/redis-server.ts';
import { startService, type Service } from '#test/support/service.ts';
import { apiKey, startTwelveDataServer, type TwelveDataServer } from '#test/support/twelve-data-server.ts';
import { startOtlpReceiver, type OtlpReceiver } from '#test/service/otlp-receiver.ts';
import { client, privateKeyPem } from '#test/service/setup.ts';
import { freePort, isBuilt, startProgram, temporaryDirectory } from './programs.ts';
import type { Scope } from './scope.ts';

export type Stack = {
  readonly service: Service;
  readonly collector: OtlpReceiver;
  readonly redis: RedisServer;
  /** In front of PostgreSQL. */
  readonly database: TcpProxy;
  readonly provider: TwelveDataServer;
  /** host:port of each job of alerts/prometheus.yml that runs. */
  readonly targets: Readonly<Record<string, string>>;
};

/** The service with all that it depends on, each part of which can be broken: nothing is a mock of our own code. */
export const startStack = async (
  scope: Pick<Scope, 'teardown'>,
  environment: Readonly<Record<string, string>> = {},
): Promise<Stack> => {
  const directory = temporaryDirectory(scope);
  // As root PostgreSQL runs as a user of its own, who must be able to enter.
  chmodSync(directory, 0o711);
  const postgres = await startEmbeddedPostgres({
    directory,
    logger: silentLogger,
    durable: false,
    maxConnections: 100,
  });
  scope.teardown(postgres.stop);
  const address = new URL(postgres.url);
  const database = await createTcpProxy({ target: { host: address.hostname, port: Number(address.port) } });
  scope.teardown(database.close);
  const through = new URL(postgres.url);
  through.port = String(database.port);
  const redis = await startRedisServer(scope);
  const provider = await startTwelveDataServer(scope);
  const collector = await startOtlpReceiver(scope);

  const service = await startService({
    environment: {
      VOLWATCH_DIRECTORY: directory,
      DATABASE_URL: through.href,
      REDIS_URL: redis.url,
      MARKET_DATA_PROVIDER: 'twelve_data',
      TWELVE_DATA_API_KEY: apiKey,
      TWELVE_DATA_BASE_URL: provider.url,
      TWELVE_DATA_CREDITS_PER_MINUTE: '100000',
      PROVIDER_TIMEOUT_MS: '2000',
      BREAKER_RESET_MS: '2000',
      JWT_PRIVATE_KEY: privateKeyPem,
      BOOTSTRAP_CLIENT_ID: client.id,
      BOOTSTRAP_CLIENT_SECRET: client.secret,
      FAULT_INJECTION: 'true',
      SHUTDOWN_DRAIN_MS: '0',
      DATABASE_ACQUIRE_TIMEOUT_MS: '300',
      DATABASE_POOL_MAX: '4',
      RATE_LIMIT_IP_PER_MINUTE: '100000',
      RATE_LIMIT_LOGIN_PER_MINUTE: '1000',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      ...environment,
    },
  });
  scope.teardown(() => service.stop(5_000));
  await service.ready();

  const targets: Record<string, string> = { volwatch: new URL(service.adminUrl).host };
  if (isBuilt('postgres_exporter')) {
    const port = await freePort();
    await startProgram(scope, 'postgres_exporter', [`--web.listen-address=127.0.0.1:${port}`], {
      readyUrl: `http://127.0.0.1:${port}/metrics`,
      environment: { DATA_SOURCE_NAME: `${postgres.url}?sslmode=disable` },
    });
    targets['postgres'] = `127.0.0.1:${port}`;
  }
  return { service, collector, redis, database, provider, targets };
};
