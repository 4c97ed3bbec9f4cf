import type { ExecutionContext } from 'ava';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { createStoredUniverses } from '#src/market-data/universes/stored-universes.ts';
import { createUniverseSeeding } from '#src/market-data/universes/universe-seeding.ts';
import type { UniverseChangesDeps } from '#src/market-data/universes/universe-changes.ts';
import type { Universes } from '#src/market-data/universes/universes-port.ts';
import { jsonBody } from '#test/http/support.ts';
import type { RefreshServiceDeps } from '#src/market-data/refresh/refresh-service.ts';
import { setupHttp, type Item } from '../setup-http.ts';

/** The problem document of a refusal. */
export const errorOf = async (response: Response): Promise<Item> => (await response.json()) as Item;

/** A universe of uploaded prices with two assets and one index. */
export const desk = (): Item => ({
  title: 'Desk',
  source: 'upload',
  interval: '1day',
  assets: [{ symbol: 'AAA' }, { symbol: 'BBB', name: 'Second', currency: 'EUR' }],
  indexes: [
    {
      code: 'DESK_EW',
      name: 'Desk equal-weighted',
      method: 'equal_weighted',
      constituents: [{ symbol: 'AAA' }, { symbol: 'BBB' }],
    },
  ],
});

/** The routes of market data over stored universes. The bundled ones exist. */
export const setupUniverses = async (
  t: ExecutionContext,
  service: Partial<Omit<RefreshServiceDeps, 'universes'>> = {},
  changes: Partial<UniverseChangesDeps> = {},
  more: Pick<NonNullable<Parameters<typeof setupHttp>[1]>, 'assertCallerHolds'> = {},
) => {
  let stored: Universes | undefined;
  const port = (): Universes => stored!;
  // The database exists only after the setup, so the port is bound late.
  const universes: Universes = {
    named: (name) => port().named(name),
    names: () => port().names(),
    ofAsset: (symbol) => port().ofAsset(symbol),
    ofIndex: (code) => port().ofIndex(code),
    sharing: (name) => port().sharing(name),
    hold: (transaction, universe) => port().hold(transaction, universe),
  };
  const http = await setupHttp(t, { ...more, service: { ...service, universes }, changes });
  stored = createStoredUniverses({ reader: http.database.reader, clock: systemClock });
  const seeding = createUniverseSeeding({
    ...http.deps,
    changes: http.changes,
    logger: silentLogger,
    readFile: undefined,
  });
  await seeding.createBundled();
  const put = (name: string, body: unknown, headers: Record<string, string> = { 'If-None-Match': '*' }) =>
    http.call(`/api/v1/universes/${name}`, { ...jsonBody(body, headers), method: 'PUT' });
  const remove = (name: string, headers: Record<string, string> = {}) =>
    http.call(`/api/v1/universes/${name}`, { method: 'DELETE', headers });
  return { ...http, universes, seeding, put, remove };
};
