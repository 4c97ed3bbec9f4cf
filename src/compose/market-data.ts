import { derivedSecret } from '../auth/derived-secret.ts';
import type { KeyRing } from '../auth/key-ring.ts';
import type { Database } from '../database/database.ts';
import { uuidv7 } from '../kernel/ids.ts';
import { createCursors } from '../kernel/pagination.ts';
import type { Route } from '../kernel/route.ts';
import { createMarketDataQueries } from '../market-data/queries.ts';
import { createRefreshService, type RefreshService } from '../market-data/refresh-service.ts';
import { createMarketDataRoutes } from '../market-data/routes.ts';
import { createSampleFileProvider, sampleDataDirectory } from '../market-data/sample-file-provider.ts';
import { bundledUniverses } from '../market-data/universes.ts';
import { basePath, type Base } from './base.ts';

export type MarketData = { readonly refreshes: RefreshService; readonly routes: readonly Route[] };

export const composeMarketData = async (base: Base, database: Database, keyRing: KeyRing): Promise<MarketData> => {
  const { config, clock, logger, metrics, faults } = base;
  const { unitOfWork, reader, lock } = database;
  const refreshes = createRefreshService({
    unitOfWork,
    reader,
    lock,
    provider: createSampleFileProvider({ directory: sampleDataDirectory }),
    universes: bundledUniverses,
    timeouts: { fetchMs: config.PROVIDER_TIMEOUT_MS, applyMs: config.DATABASE_REFRESH_STATEMENT_TIMEOUT_MS },
    ids: uuidv7,
    faults,
    metrics,
    clock,
    logger,
  });
  const queries = createMarketDataQueries({ reader });
  const secret = config.CURSOR_SECRET ?? (await derivedSecret(keyRing.signing, 'cursors'));
  const cursors = createCursors({ secret });
  return { refreshes, routes: createMarketDataRoutes({ refreshes, queries, cursors, basePath }) };
};
