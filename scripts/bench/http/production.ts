import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Client } from 'pg';
import { client, privateKeyPem, temporaryDirectory } from '#testkit/running-service.ts';
import { startRedisServer } from '#testkit/servers/redis-server.ts';
import { startTemporaryPostgres } from '#testkit/servers/temporary-postgres.ts';
import { startService, type Service } from '#testkit/service.ts';
import type { Scope } from '#testkit/scope.ts';

/** Starts a program that prints its port, in a process of its own. */
export const startProgram = async (
  scope: Pick<Scope, 'teardown'>,
  program: URL,
): Promise<{ readonly url: string; readonly pid: number }> => {
  const child = spawn(process.execPath, [program.pathname], { stdio: ['ignore', 'pipe', 'inherit'] });
  scope.teardown(() => child.kill());
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  return { url: `http://127.0.0.1:${Number(port)}`, pid: child.pid! };
};

export type ProductionOptions = {
  /** Another checkout of the service. Default: this one. */
  readonly directory?: string;
  readonly environment?: Readonly<Record<string, string>>;
};

/**
 * Returns a function that starts services in production mode. Each has a database and a Redis of its own, exports its
 * telemetry with a tenth of the traces, and has no rate limit, because one address sends all requests.
 */
export const createProduction = async (
  scope: Pick<Scope, 'teardown'>,
): Promise<(name: string, options?: ProductionOptions) => Promise<Service>> => {
  const collector = await startProgram(scope, new URL('telemetry-sink.ts', import.meta.url));
  const postgres = await startTemporaryPostgres(scope, { name: 'bench', maxConnections: 100 });

  const createDatabase = async (name: string): Promise<string> => {
    const admin = new Client({ connectionString: postgres.url });
    await admin.connect();
    await admin.query(`create database "${name}"`);
    await admin.end();
    const url = new URL(postgres.url);
    url.pathname = `/${name}`;
    return url.href;
  };

  return async (name, { directory, environment } = {}) => {
    const redis = await startRedisServer(scope);
    const service = await startService({
      ...(directory !== undefined && { directory }),
      // A busy machine needs more than the default.
      startTimeoutMs: 120_000,
      environment: {
        NODE_ENV: 'production',
        FAULT_INJECTION: 'false',
        RATE_LIMIT_ENABLED: 'false',
        DATABASE_URL: await createDatabase(name),
        REDIS_URL: redis.url,
        JWT_PRIVATE_KEY: privateKeyPem,
        BOOTSTRAP_CLIENT_ID: client.id,
        BOOTSTRAP_CLIENT_SECRET: client.secret,
        VOLWATCH_DIRECTORY: temporaryDirectory(scope),
        OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
        OTEL_TRACES_SAMPLER_ARG: '0.1',
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        ...environment,
      },
    });
    scope.teardown(() => service.stop(5_000));
    await service.ready(60_000);
    return service;
  };
};
