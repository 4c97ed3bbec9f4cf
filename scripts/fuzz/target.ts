import { createMigrator } from '#src/database/migrator.ts';
import { migrations } from '#src/database/migrations/index.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { metric, scrape, serve } from '#testkit/running-service.ts';
import { startTemporaryPostgres } from '#testkit/servers/temporary-postgres.ts';
import type { Service } from '#testkit/service.ts';
import type { Scope } from '#testkit/scope.ts';

/** Starts the service in production mode with its own database and without limits per address. */
export const startTarget = async (scope: Pick<Scope, 'teardown'>): Promise<Service> => {
  const postgres = await startTemporaryPostgres(scope, { name: 'fuzz', durable: true });
  await createMigrator({
    url: postgres.url,
    ssl: 'disable',
    applicationName: 'fuzz',
    migrations,
    logger: silentLogger,
  }).up();
  const environment = {
    NODE_ENV: 'production',
    FAULT_INJECTION: undefined,
    DATABASE_URL: postgres.url,
    // No server listens on this address, and the limits are off.
    REDIS_URL: 'redis://127.0.0.1:1',
    PRICING_WORKERS: '1',
  };
  return serve(scope, environment, { startTimeoutMs: 180_000 });
};

export const lostThreads = async (service: Service): Promise<number> =>
  metric(await scrape(service), 'volwatch_workers_restarts_total');
