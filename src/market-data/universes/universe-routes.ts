import { z } from 'zod';
import { boundedText } from '#src/kernel/requests/texts/bounded-text.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { listOf, resourceQuery } from '#src/kernel/lists/pagination.ts';
import { noSuchText, type NearestOf } from '#src/kernel/lists/near-names.ts';
import type { Pages } from '#src/kernel/lists/pages.ts';
import { strongTags } from '#src/kernel/requests/entity-tags.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import { universeOrigins, universeSources } from '../indexes/universes.ts';
import { exchanges } from '#src/kernel/trading-days/exchanges.ts';
import { refreshSchema } from '../reads/schemas.ts';
import { intervals } from '../series/periods.ts';
import { validationFailed } from '#src/kernel/requests/validation-failed.ts';
import type { ExpectedVersion, UniverseChanges } from './universe-changes.ts';
import { storedScheduleSchema, universeName, universeSchema, type UniverseLimits } from './universe-document.ts';
import type { RefreshSchedules } from './schedules/refresh-schedules.ts';
import type { UniverseQueries } from './universe-queries.ts';
import type { StoredUniverse } from './universe-rows.ts';
import type { UniverseStatus } from './universe-status.ts';
import { readUniverseVersion, tagOfUniverse, type UniverseVersion } from './universe-version.ts';
import { fieldsQuery, pageQuery } from '#src/kernel/lists/pagination.ts';

export type UniverseRoutesDeps = {
  /** The universe that the settings of the caller name. */
  readonly defaultUniverse?: () => Promise<string | null | undefined>;
  readonly changes: UniverseChanges;
  readonly queries: UniverseQueries;
  readonly nearestUniverse: NearestOf;
  readonly status: (name: string) => Promise<UniverseStatus | undefined>;
  readonly limits: UniverseLimits;
  readonly scheduleOf: RefreshSchedules['of'];
  readonly pages: Pages;
  /** Prefix of all paths, for the header `Location`. */
  readonly basePath: string;
};

const stored = {
  name: universeName,
  version: z.int().min(1),
  origin: z.enum(universeOrigins),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
};
const summarySchema = z
  .strictObject({
    ...stored,
    title: z.string(),
    source: z.enum(universeSources),
    interval: z.enum(intervals),
    assets: z.int().describe('Number of assets'),
    indexes: z.int().describe('Number of indexes'),
  })
  .meta({ id: 'UniverseSummary' });
const missingBarsSchema = z
  .strictObject({
    total: z.int().min(0).describe('Trading days without a bar between the first and the last bar of an asset'),
    recent: z.int().min(0).describe('Those of the last 30 days'),
    assets: z.int().min(0).describe('Number of assets that lack bars'),
    newest: z
      .array(z.strictObject({ symbol: z.string(), date: z.iso.date() }).meta({ id: 'MissingBar' }))
      .readonly()
      .describe('The newest ones, at most 20. The date is the first day of the period'),
    calendar_from: z.iso.date().describe('Days before are not checked'),
    calendar_to: z.iso.date().describe('Days after are not checked'),
    measured_at: z.iso.datetime(),
  })
  .meta({ id: 'MissingBars' });
const statusSchema = z
  .strictObject({
    universe: universeName,
    version: z.int().min(1),
    last_refresh: refreshSchema
      .pick({ status: true, reason: true, trigger: true, universe_version: true, started_at: true, finished_at: true })
      .meta({ id: 'LastRefresh' })
      .nullable(),
    next_run: z.iso.datetime().nullable().describe('Null without a schedule'),
    assets: z
      .strictObject({
        fresh: z
          .int()
          .min(0)
          .describe('The last bar is of `expected_day` or later; without an exchange, as new as the newest bar of all'),
        stale: z.int().min(0).describe('The last bar is older'),
        missing: z.int().min(0).describe('No bar is stored'),
      })
      .meta({ id: 'AssetCounts' }),
    first_date: z.iso.date().nullable(),
    last_date: z.iso.date().nullable(),
    held_back_prices: z.int().min(0).describe('Bars that the last committed refresh held back'),
    exchange: z.enum(exchanges).nullable(),
    expected_day: z.iso.date().nullable().describe('The last trading day whose bars must be there'),
    missing_bars: missingBarsSchema.nullable().describe('Null without an exchange, and before the first check'),
  })
  .meta({ id: 'UniverseStatus' });
const byName = z.strictObject({ name: universeName });
/** Stands for the `default_universe` of the settings of the user. It cannot be the name of a universe. */
const ownUniverse = '@default';
const byNameOrOwn = z.strictObject({ name: z.union([z.literal(ownUniverse), universeName]) });
const conditions = z.object({
  'if-match': boundedText(1_024).optional(),
  'if-none-match': boundedText(1_024).optional(),
});

/** @throws AppError `precondition_required`, `precondition_failed` */
const matchOf = (header: string | undefined): readonly UniverseVersion[] | '*' => {
  if (header === undefined)
    throw new AppError(
      'precondition_required',
      'The header If-Match is required: send the ETag of GET /universes/NAME, or * to replace any version',
    );
  const tags = strongTags(header);
  return tags === '*' ? tags : tags.map(readUniverseVersion).filter((version) => version !== undefined);
};

/** @throws AppError `precondition_required`, `precondition_failed` */
const expectedOf = (headers: z.output<typeof conditions>): ExpectedVersion => {
  const { 'if-match': match, 'if-none-match': noneMatch } = headers;
  if (match !== undefined && noneMatch === undefined) return matchOf(match);
  if (noneMatch?.trim() === '*' && match === undefined) return 'none';
  throw new AppError(
    'precondition_required',
    'Send the header If-None-Match: * to create the universe, or If-Match with the ETag of GET /universes/{name} to replace it',
  );
};

const headersOf = (universe: StoredUniverse) => ({ ETag: tagOfUniverse(universe) });

const common = { tag: 'Universes', rateLimit: 'caller' } as const;
const manage = { ...common, auth: { scope: 'market:manage' }, load: 'write' } as const;

/** The routes below `/universes`. */
export const createUniverseRoutes = (deps: UniverseRoutesDeps): Route[] => {
  const { changes, queries, nearestUniverse, status, limits, pages, basePath, defaultUniverse, scheduleOf } = deps;
  const definition = universeSchema(limits);
  const universeAnswer = z
    .strictObject({
      ...stored,
      ...definition.shape,
      schedule: storedScheduleSchema.nullable().describe('When the universe is refreshed. Null: never'),
    })
    .meta({ id: 'Universe' });
  const bodyOf = ({ definition: found, ...universe }: StoredUniverse) => ({
    ...universe,
    ...found,
    schedule: scheduleOf(universe.name, found),
  });

  const nameOf = async (name: string): Promise<string> => {
    if (name !== ownUniverse) return name;
    const own = await defaultUniverse?.();
    if (own) return own;
    const detail = `${ownUniverse} needs the credentials of a user whose settings have default_universe`;
    throw validationFailed([{ pointer: 'path.name', code: 'invalid_value', detail }]);
  };

  const notFound = async (name: string): Promise<AppError> =>
    new AppError('resource_not_found', await noSuchText('universe', name, nearestUniverse));

  return [
    defineRoute({
      ...common,
      auth: 'optional',
      load: 'read',
      etag: 'weak',
      method: 'GET',
      path: '/universes',
      summary: 'Universes by name',
      // The assets of each are counted.
      scansBy: 'always',
      request: { query: z.strictObject({ ...pageQuery, fields: fieldsQuery(summarySchema) }) },
      responses: { 200: listOf(summarySchema) },
      fields: true,
      errors: [],
      handler: async ({ query }) => ({
        status: 200 as const,
        body: await pages.answer({ list: 'universes' }, query, queries.list, ({ name }) => name),
      }),
    }),
    defineRoute({
      ...common,
      auth: 'optional',
      load: 'read',
      etag: 'version',
      method: 'GET',
      path: '/universes/{name}',
      summary: 'One universe with its assets and indexes',
      // A universe of a file can have 10,000 assets.
      scansBy: 'always',
      request: { path: byNameOrOwn, query: resourceQuery(universeAnswer) },
      responses: { 200: universeAnswer },
      fields: true,
      errors: ['resource_not_found'],
      handler: async ({ path }) => {
        const universe = await queries.one(await nameOf(path.name));
        if (!universe) throw await notFound(path.name);
        return { status: 200 as const, headers: headersOf(universe), body: bodyOf(universe) };
      },
    }),
    defineRoute({
      ...common,
      auth: 'optional',
      load: 'read',
      etag: 'weak',
      method: 'GET',
      path: '/universes/{name}/status',
      summary: 'How complete the prices of a universe are, its last refresh and its next one',
      scansBy: 'always',
      request: { path: byNameOrOwn, query: resourceQuery(statusSchema) },
      responses: { 200: statusSchema },
      fields: true,
      errors: ['resource_not_found'],
      handler: async ({ path }) => {
        const found = await status(await nameOf(path.name));
        if (!found) throw await notFound(path.name);
        return { status: 200 as const, body: found };
      },
    }),
    defineRoute({
      ...manage,
      method: 'PUT',
      path: '/universes/{name}',
      summary: 'Create a universe (If-None-Match: *), or replace it (If-Match)',
      request: { path: byName, headers: conditions, body: definition },
      bodyLimit: 'document',
      responses: { 200: universeAnswer, 201: universeAnswer },
      errors: [
        'precondition_required',
        'precondition_failed',
        'universe_managed_by_file',
        'refresh_in_progress',
        'series_source_conflict',
        'quota_exceeded',
      ],
      checkHead: ({ headers }) => void expectedOf(headers),
      handler: async ({ path: { name }, headers, body }) => {
        const expected = expectedOf(headers);
        const { universe, created } = await changes.put(name, body, { origin: 'api', expected });
        if (!created) return { status: 200 as const, headers: headersOf(universe), body: bodyOf(universe) };
        const location = { Location: `${basePath}/universes/${name}` };
        return { status: 201 as const, headers: { ...headersOf(universe), ...location }, body: bodyOf(universe) };
      },
    }),
    defineRoute({
      ...manage,
      method: 'DELETE',
      path: '/universes/{name}',
      summary: 'Delete a universe with its indexes, and the series that no other universe has',
      request: { path: byName, headers: z.object({ 'if-match': boundedText(1_024).optional() }) },
      responses: { 204: null },
      errors: ['resource_not_found', 'precondition_failed', 'universe_managed_by_file', 'refresh_in_progress'],
      handler: async ({ path: { name }, headers }) => {
        if (!(await queries.one(name))) throw await notFound(name);
        await changes.remove(name, headers['if-match'] === undefined ? '*' : matchOf(headers['if-match']));
        return { status: 204 as const, body: null };
      },
    }),
  ];
};
