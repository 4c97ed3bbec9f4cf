import { defineEntity, p } from '@mikro-orm/core';
import type { RefreshSource } from './providers/provider.ts';
import type { SeriesSource } from './providers/series-sources.ts';
import type { StoredDefinition } from './universes/stored-definition.ts';
import type { DivisorChange } from './indexes/calculation/index-run.ts';
import type { IndexMethod } from './indexes/index-methods.ts';
import type { universeOrigins, UniverseSource } from './indexes/universes.ts';
import type { Exchange } from '#src/kernel/trading-days/exchanges.ts';
import type { MissingBar } from './quality/measure-quality.ts';
import type { Interval } from './series/periods.ts';
import type { RowError } from './uploads/row-error.ts';
import type { HeldBackSeries, HoldReason, ReplacedSeries } from './series/series-plan.ts';

export const AssetEntity = defineEntity({
  name: 'Asset',
  tableName: 'asset',
  properties: {
    id: p.integer().primary(),
    symbol: p.text().unique('asset_symbol_unique'),
    name: p.text(),
    exchange: p.text(),
    currency: p.text(),
    /** The source of the stored prices. Null: no prices, or prices of a version that did not record it. */
    priceSource: p.text().$type<SeriesSource>().nullable(),
    priceInterval: p.text().$type<Interval>().nullable(),
    /** The last fetch of the whole history: its first requested day, and when it was. Null: not known. */
    historyFrom: p.date().nullable(),
    historyAt: p.datetime().nullable(),
  },
});

const PriceEntity = defineEntity({
  name: 'Price',
  tableName: 'price',
  properties: {
    asset: () => p.manyToOne(AssetEntity).primary().updateRule('no action').deleteRule('no action'),
    date: p.date().primary(),
    open: p.double().nullable(),
    high: p.double().nullable(),
    low: p.double().nullable(),
    close: p.double(),
    volume: p.double().nullable(),
  },
});

/** MikroORM compares the text with that of PostgreSQL, which writes `(0)::double precision` for a plain 0. */
const positive = (column: string) => ({
  name: `corporate_actions_${column}_check`,
  expression: `${column} > '0'::float8 and ${column} < 'Infinity'::float8`,
});

const CorporateActionEntity = defineEntity({
  name: 'CorporateAction',
  tableName: 'corporate_actions',
  indexes: [
    {
      name: 'corporate_actions_shares_index',
      properties: ['asset', 'date'],
      where: 'split_factor is not null or shares is not null',
    },
  ],
  checks: [
    positive('dividend'),
    positive('split_factor'),
    positive('shares'),
    { name: 'corporate_actions_content_check', expression: 'num_nonnulls(dividend, split_factor, shares) > 0' },
  ],
  properties: {
    asset: () => p.manyToOne(AssetEntity).primary().updateRule('no action').deleteRule('no action'),
    /** The first day on which the action has an effect: the ex-date of a dividend or split. */
    date: p.date().primary(),
    /** Cash for one share, in the currency of the asset. */
    dividend: p.double().nullable(),
    /** Shares after the split for one share before it: 4 for a split of 4 for 1. */
    splitFactor: p.double().nullable(),
    /** The number of shares from this day on. */
    shares: p.double().nullable(),
  },
});

const MarketIndexEntity = defineEntity({
  name: 'MarketIndex',
  tableName: 'market_index',
  properties: {
    id: p.integer().primary(),
    code: p.text().unique('market_index_code_unique'),
    name: p.text(),
    universe: p.text(),
    method: p.text().$type<IndexMethod>(),
    /** See `isCalculated`. */
    calculation: p.text().nullable(),
  },
});

const IndexConstituentEntity = defineEntity({
  name: 'IndexConstituent',
  tableName: 'index_constituent',
  indexes: [{ name: 'index_constituent_asset_index', properties: ['asset'] }],
  properties: {
    index: () => p.manyToOne(MarketIndexEntity).primary().updateRule('no action').deleteRule('no action'),
    asset: () => p.manyToOne(AssetEntity).primary().updateRule('no action').deleteRule('no action'),
  },
});

const IndexValueEntity = defineEntity({
  name: 'IndexValue',
  tableName: 'index_value',
  properties: {
    index: () => p.manyToOne(MarketIndexEntity).primary().updateRule('no action').deleteRule('no action'),
    date: p.date().primary(),
    value: p.double(),
  },
});

/** See `Checkpoint` and `DivisorChange` of `indexes/calculation/index-run.ts`. */
const IndexCheckpointEntity = defineEntity({
  name: 'IndexCheckpoint',
  tableName: 'index_checkpoint',
  properties: {
    index: () => p.manyToOne(MarketIndexEntity).primary().updateRule('no action').deleteRule('no action'),
    date: p.date().primary(),
    ordinal: p.integer(),
    state: p.blob(),
  },
});

const IndexDivisorEntity = defineEntity({
  name: 'IndexDivisor',
  tableName: 'index_divisor',
  properties: {
    index: () => p.manyToOne(MarketIndexEntity).primary().updateRule('no action').deleteRule('no action'),
    date: p.date().primary(),
    before: p.double().nullable(),
    after: p.double(),
    causes: p.json().$type<DivisorChange['causes']>(),
  },
});

export const refreshTriggers = ['request', 'schedule', 'startup', 'change'] as const;
export const refreshStatuses = ['running', 'succeeded', 'succeeded_with_quarantine', 'rolled_back', 'failed'] as const;

export const RefreshEntity = defineEntity({
  name: 'Refresh',
  tableName: 'refresh',
  indexes: [
    { name: 'refresh_status_index', properties: ['status', 'universe', 'finishedAt'] },
    { name: 'refresh_universe_started_index', properties: ['universe', 'startedAt'] },
    { name: 'refresh_universe_applied_index', properties: ['universe', 'appliedAt'], where: 'applied_at is not null' },
  ],
  properties: {
    id: p.uuid().primary(),
    universe: p.text(),
    trigger: p.text().$type<(typeof refreshTriggers)[number]>(),
    status: p.text().$type<(typeof refreshStatuses)[number]>(),
    reason: p.text().nullable(),
    errorDetail: p.text().nullable(),
    startedAt: p.datetime(),
    finishedAt: p.datetime().nullable(),
    /** Set by the transaction that writes the rows. It therefore shows reliably if the rows were committed. */
    appliedAt: p.datetime().nullable(),
    assets: p.integer().default(0),
    prices: p.integer().default(0),
    indexValues: p.integer().default(0),
    quarantined: p.integer().default(0),
    seriesReplaced: p.json().$type<readonly ReplacedSeries[]>().default('[]'),
    seriesHeldBack: p.json().$type<readonly HeldBackSeries[]>().default('[]'),
    /** Rows of an uploaded file that were read so far, and bars that were written. */
    rowsRead: p.integer().default(0),
    rowsWritten: p.integer().default(0),
    /** The first refused rows of an uploaded file, and the number of all of them. */
    rowErrors: p.json().$type<readonly RowError[]>().default('[]'),
    rowErrorsTotal: p.integer().default(0),
    source: p.text().$type<RefreshSource>().nullable(),
    traceId: p.text().nullable(),
    /** The version of the universe that the refresh used. */
    universeVersion: p.integer().nullable(),
    /** True while the refresh waits for a worker, false after a worker has started it. */
    queued: p.boolean().default(false),
  },
});

const PriceQuarantineEntity = defineEntity({
  name: 'PriceQuarantine',
  tableName: 'price_quarantine',
  indexes: [{ name: 'price_quarantine_asset_index', properties: ['asset'] }],
  properties: {
    refresh: () => p.manyToOne(RefreshEntity).primary().updateRule('no action').deleteRule('cascade'),
    asset: () => p.manyToOne(AssetEntity).primary().updateRule('no action').deleteRule('no action'),
    date: p.date().primary(),
    price: p.double(),
    reference: p.double(),
    reason: p.text().$type<HoldReason>().default('moved_too_far'),
  },
});

export const UniverseEntity = defineEntity({
  name: 'Universe',
  tableName: 'universe',
  properties: {
    name: p.text().primary(),
    version: p.integer(),
    origin: p.text().$type<(typeof universeOrigins)[number]>(),
    source: p.text().$type<UniverseSource>(),
    interval: p.text().$type<Interval>(),
    definition: p.json().$type<StoredDefinition>(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
  },
});

const UniverseAssetEntity = defineEntity({
  name: 'UniverseAsset',
  tableName: 'universe_asset',
  indexes: [{ name: 'universe_asset_symbol_index', properties: ['symbol'] }],
  properties: {
    universe: () =>
      p.manyToOne(UniverseEntity).primary().joinColumn('universe').updateRule('no action').deleteRule('cascade'),
    symbol: p.text().primary(),
    /** Null: the symbol itself. */
    providerSymbol: p.text().nullable(),
  },
});

const UniverseIndexEntity = defineEntity({
  name: 'UniverseIndex',
  tableName: 'universe_index',
  indexes: [{ name: 'universe_index_universe_index', properties: ['universe'] }],
  properties: {
    code: p.text().primary(),
    universe: () => p.manyToOne(UniverseEntity).joinColumn('universe').updateRule('no action').deleteRule('cascade'),
  },
});

/** The last check of the prices of a universe. See `quality/quality-rows.ts`. */
const UniverseQualityEntity = defineEntity({
  name: 'UniverseQuality',
  tableName: 'universe_quality',
  properties: {
    universe: () =>
      p.manyToOne(UniverseEntity).primary().joinColumn('universe').updateRule('no action').deleteRule('cascade'),
    version: p.integer(),
    exchange: p.text().$type<Exchange>().nullable(),
    expectedDay: p.date().nullable(),
    appliedAt: p.datetime().nullable(),
    heldBack: p.integer(),
    fresh: p.integer(),
    stale: p.integer(),
    missing: p.integer(),
    missingRecent: p.integer(),
    missingOlder: p.integer(),
    missingAssets: p.integer(),
    newestMissing: p.json().$type<readonly MissingBar[]>(),
    measuredAt: p.datetime(),
  },
});

/** The bundled universes that were created once. One that was deleted is not created again. */
const UniverseBundleEntity = defineEntity({
  name: 'UniverseBundle',
  tableName: 'universe_bundle',
  properties: { name: p.text().primary() },
});

/** Entities for the entity list of the database room. */
/** See `fetched-series.ts`. Written and read as sets. */
const FetchedSeriesEntity = defineEntity({
  name: 'FetchedSeries',
  tableName: 'fetched_series',
  properties: {
    universe: p.text().primary(),
    symbol: p.text().primary(),
    source: p.text().$type<SeriesSource>(),
    priceInterval: p.text().$type<Interval>(),
    historyFrom: p.date(),
    since: p.date().nullable(),
    barCount: p.integer(),
    bars: p.text(),
    fetchedAt: p.datetime().defaultRaw('now()'),
  },
});

export const marketDataEntities = [
  AssetEntity,
  PriceEntity,
  CorporateActionEntity,
  MarketIndexEntity,
  IndexConstituentEntity,
  IndexValueEntity,
  IndexCheckpointEntity,
  IndexDivisorEntity,
  RefreshEntity,
  PriceQuarantineEntity,
  FetchedSeriesEntity,
  UniverseEntity,
  UniverseAssetEntity,
  UniverseIndexEntity,
  UniverseBundleEntity,
  UniverseQualityEntity,
];
