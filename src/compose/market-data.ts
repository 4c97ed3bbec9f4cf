import type { Database } from '../database/database.ts';
import { uuidv7 } from '../kernel/ids.ts';
import type { AuditTrail } from '../kernel/audit.ts';
import type { Cursors } from '../kernel/pagination.ts';
import type { Route } from '../kernel/route.ts';
import { createMarketDataQueries } from '../market-data/queries.ts';
import { createRefreshService, type RefreshService } from '../market-data/refresh-service.ts';
import { createMarketDataRoutes } from '../market-data/routes.ts';
import type { MarketDataProvider } from '../market-data/provider.ts';
import { bundledUniverses } from '../market-data/universes.ts';
import { basePath, type Base } from './base.ts';

export type MarketData = { readonly refreshes: RefreshService; readonly routes: readonly Route[] };

export const composeMarketData = (
  base: Base,
  database: Database,
  {
    audit,
    cursors,
    provider,
  }: { readonly audit: AuditTrail; readonly cursors: Cursors; readonly provider: MarketDataProvider },
): MarketData => {
  const { config, clock, logger, metrics, faults } = base;
  const { unitOfWork, reader, lock } = database;
  const refreshes = createRefreshService({
    unitOfWork,
    reader,
    lock,
    provider,
    universes: bundledUniverses,
    quarantineFactor: config.PRICE_QUARANTINE_FACTOR,
    timeouts: { fetchMs: config.PROVIDER_TIMEOUT_MS, applyMs: config.DATABASE_REFRESH_STATEMENT_TIMEOUT_MS },
    ids: uuidv7,
    audit,
    faults,
    metrics,
    clock,
    logger,
  });
  const queries = createMarketDataQueries({ reader: database.replicaReader, primary: reader });
  return { refreshes, routes: createMarketDataRoutes({ refreshes, queries, cursors, basePath }) };
};
