import { randomBytes } from 'node:crypto';
import { createTcpProxy } from '#testkit/servers/tcp-proxy.ts';
import { startGoogleServer, type GoogleServer } from '#testkit/servers/google-server.ts';
import { startOwnPostgres } from '#testkit/servers/own-postgres.ts';
import { startService } from '#testkit/service.ts';
import type { Scope } from '#testkit/scope.ts';
import { calendarEnvironment } from './load-calendar.ts';

export type LoadService = {
  /** TARGET, CLIENT_ID and CLIENT_SECRET. */
  readonly environment: Readonly<Record<string, string>> & { readonly TARGET: string };
  readonly google: GoogleServer;
};

/** For each direction, so that a statement takes twice as long. */
const latencyMs = 50;

/** A PostgreSQL that is far away, so that few requests at once use all connections of the small pool. */
const smallPool = async (scope: Scope): Promise<Record<string, string>> => {
  const postgres = await startOwnPostgres(scope);
  const proxy = await createTcpProxy({ target: { host: '127.0.0.1', port: postgres.port } });
  scope.teardown(proxy.close);
  proxy.latency(latencyMs);
  const url = new URL(postgres.url);
  url.port = String(proxy.port);
  return { DATABASE_URL: url.href, DATABASE_POOL_MAX: '4', DATABASE_ACQUIRE_TIMEOUT_MS: '500' };
};

/** Starts the service that the load goes to. The limiter is off, because the load must reach the service. */
export const startLoadService = async (scope: Scope, scenario: string, directory: string): Promise<LoadService> => {
  const secret = randomBytes(24).toString('hex');
  const google = await startGoogleServer(scope);
  const environment = {
    NODE_ENV: 'development',
    VOLWATCH_DIRECTORY: directory,
    BOOTSTRAP_CLIENT_ID: 'load',
    BOOTSTRAP_CLIENT_SECRET: secret,
    RATE_LIMIT_ENABLED: 'false',
    // A few people send what many people would send.
    CREATIONS_PER_OWNER_PER_DAY: '1000000',
    REFRESHES_PER_OWNER_PER_DAY: '1000000',
    ...google.environment,
    ...(scenario === 'pool' && (await smallPool(scope))),
    ...(scenario === 'calendar' && (await calendarEnvironment(scope, google))),
  };
  const start = async (): Promise<string> => {
    const service = await startService({ environment });
    scope.teardown(() => service.stop());
    await service.ready();
    return service.url;
  };
  const credentials = { CLIENT_ID: 'load', CLIENT_SECRET: secret };
  const [first, second] = [await start(), scenario === 'calendar' ? await start() : undefined];
  return {
    environment: { TARGET: first, ...(second !== undefined && { SECOND_TARGET: second }), ...credentials },
    google,
  };
};
