import { CronExpressionParser } from 'cron-parser';
import { derivedSecret, type KeyRing, type MayAct } from '../../auth/index.ts';
import {
  type CalendarParts,
  createAccessTokens,
  createCalendarRoutes,
  createConnectionGauge,
  createConnections,
  createConsents,
  createEventBytesQuota,
  createEventQuota,
  createEvents,
  createSyncBytesQuota,
  createFetchChanges,
  createGoogleCalendar,
  createGoogleEvents,
  createGoogleHttp,
  createGoogleOAuth,
  createGooglePlaces,
  createLongSyncPlaces,
  createRevocations,
  createScheduledSync,
  createSearchPlaces,
  createSync,
  createSyncMemory,
  createTokenCipher,
  createTotalEventBytesQuota,
} from '../../calendar/index.ts';
import { withoutSlash } from '../identity/issuer.ts';
import { ConfigError, type Config } from '../../config/index.ts';
import type { NearestOf } from '../../kernel/lists/near-names.ts';
import type { Database } from '../../database/index.ts';
import type { Jobs } from '../../jobs/index.ts';
import { uuidv7 } from '../../kernel/ids.ts';
import type { Cursors } from '../../kernel/lists/pagination.ts';
import type { CredentialLookups } from '../../kernel/credentials/credential-lookups.ts';
import type { AuditTrail } from '../../kernel/ports/audit.ts';
import type { HealthCheck } from '../../kernel/ports/health.ts';
import type { JobHandler } from '../../kernel/ports/jobs.ts';
import type { Owners } from '../../kernel/ports/owners.ts';
import { createTaggedSecrets } from '../../kernel/credentials/tagged-secrets.ts';
import type { Route } from '../../kernel/requests/route.ts';
import { createCredits, type RedisConnection } from '../../redis/index.ts';
import type { Collector } from '../../telemetry/index.ts';
import { basePath, type Base } from '../base.ts';
import { composePolicy, connectTimeoutMs } from './provider.ts';

export type CalendarFeature = {
  readonly routes: readonly Route[];
  readonly checks: readonly HealthCheck[];
  readonly collectors: readonly Collector[];
  readonly handle: JobHandler;
  readonly close: () => Promise<void>;
};

type Deps = {
  readonly jobs: Jobs;
  readonly keyRing: KeyRing;
  readonly cursors: Cursors;
  readonly mayAct: MayAct;
  readonly owners: Owners;
  readonly audit: AuditTrail;
  readonly lookups: CredentialLookups;
  readonly redis: RedisConnection | undefined;
  readonly isAsset: (symbol: string) => Promise<boolean>;
  /** The nearest known symbol, for refusals of unknown ones. */
  readonly nearestAsset: NearestOf;
};

/** @throws ConfigError for a schedule that has no next time */
const createNextSyncAt = ({ CALENDAR_SYNC_SCHEDULE: cron }: Config): (() => Date) => {
  const next = (): Date => CronExpressionParser.parse(cron, { tz: 'UTC' }).next().toDate();
  try {
    next();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError([`CALENDAR_SYNC_SCHEDULE is no schedule: ${reason}`]);
  }
  return next;
};

const composeParts = async (base: Base, { unitOfWork, reader }: Database, deps: Deps, client: ClientOfGoogle) => {
  const { config, clock, metrics, logger, abuse } = base;
  const { jobs, keyRing, mayAct, owners, audit, lookups, redis } = deps;
  const http = createGoogleHttp({ connectTimeoutMs, maxBodyBytes: config.CALENDAR_ANSWER_MAX_BYTES });
  const places = createGooglePlaces({ metrics });
  const google = createGoogleCalendar({
    oauth: createGoogleOAuth({
      http,
      clientId: client.id,
      clientSecret: client.secret,
      authUrl: config.GOOGLE_AUTH_URL,
      tokenUrl: config.GOOGLE_TOKEN_URL,
      revokeUrl: config.GOOGLE_REVOKE_URL,
    }),
    events: createGoogleEvents({ http, baseUrl: config.GOOGLE_CALENDAR_BASE_URL }),
    // Calls wait for their places within the policy, so its bulkhead has room for all of them.
    policy: composePolicy(base, 'google_calendar', { concurrent: places.maxCalls, waiting: 0 }),
    places,
    credits: createCredits({
      name: 'google_calendar',
      max: config.GOOGLE_REQUESTS_PER_MINUTE,
      period: 'minute',
      isPaced: true,
      redis,
      clock,
    }),
    timeoutMs: config.PROVIDER_TIMEOUT_MS,
    clock,
  });
  const keys = config.TOKEN_ENCRYPTION_KEY ?? [await derivedSecret(keyRing.signing, 'calendar tokens')];
  const cipher = createTokenCipher({ keys });
  const taggedSecrets = createTaggedSecrets(await derivedSecret(keyRing.signing, 'credential tags'));
  const revocations = createRevocations({ unitOfWork, google, cipher, jobs, logger, reader });
  const accessTokens = createAccessTokens({ unitOfWork, audit, google, cipher, clock, metrics, logger });
  const assertQuota = createEventQuota({ abuse, max: config.CALENDAR_EVENTS_PER_OWNER });
  const assertEventBytes = createEventBytesQuota({ abuse, max: config.CALENDAR_BYTES_PER_OWNER });
  const syncMemory = createSyncMemory({ abuse, maxBytes: config.CALENDAR_SYNC_MEMORY_BYTES });
  base.requestMemory.count('syncs', syncMemory.heldBytes);
  const sync = createSync({
    unitOfWork,
    assertQuota,
    assertEventBytes,
    assertTotalBytes: createTotalEventBytesQuota({ abuse, clock, max: config.CALENDAR_BYTES }),
    memory: syncMemory,
    fetchChanges: createFetchChanges({
      google,
      accessTokens,
      clock,
      assertQuota,
      assertEventBytes,
      assertBytes: createSyncBytesQuota({ abuse, max: config.CALENDAR_SYNC_MAX_BYTES }),
      futureDays: config.CALENDAR_FUTURE_DAYS,
      longSyncs: createLongSyncPlaces({ metrics }),
    }),
    clock,
    metrics,
    logger,
    timeoutMs: config.CALENDAR_SYNC_TIMEOUT_MS,
    statementTimeoutMs: config.DATABASE_REFRESH_STATEMENT_TIMEOUT_MS,
  });
  const parts: CalendarParts = {
    consents: createConsents({
      unitOfWork,
      audit,
      owners,
      google,
      revocations,
      cipher,
      lookups,
      taggedSecrets,
      clock,
      logger,
      ids: uuidv7,
    }),
    connections: createConnections({ unitOfWork, reader, audit, revocations }),
    sync,
    events: createEvents({ reader, searchPlaces: createSearchPlaces({ abuse, metrics }) }),
  };
  return {
    parts,
    check: google.healthCheck,
    handle: createScheduledSync({ unitOfWork, reader, jobs, sync, revocations, mayAct, logger }),
    close: async () => {
      sync.close();
      await http.close();
    },
  };
};

type ClientOfGoogle = { readonly id: string; readonly secret: string };

/** The Google calendar. Without GOOGLE_CLIENT_ID its routes exist and answer `calendar_not_configured`. */
export const composeCalendar = async (base: Base, database: Database, deps: Deps): Promise<CalendarFeature> => {
  const { config, production, metrics, logger } = base;
  const { GOOGLE_CLIENT_ID: id, GOOGLE_CLIENT_SECRET: secret } = config;
  const configured =
    id === undefined || secret === undefined ? undefined : await composeParts(base, database, deps, { id, secret });
  const callbackPath = `${basePath}/calendar/callback`;
  const { PUBLIC_URL: publicUrl } = config;
  const redirectUrl = config.GOOGLE_REDIRECT_URL ?? (publicUrl && `${withoutSlash(publicUrl)}${callbackPath}`);
  if (configured && production && redirectUrl === undefined) {
    logger.warn(
      {},
      'Neither GOOGLE_REDIRECT_URL nor PUBLIC_URL is set: the URL of the callback follows from the Host header',
    );
  }
  return {
    routes: createCalendarRoutes({
      parts: configured?.parts,
      cursors: deps.cursors,
      isAsset: deps.isAsset,
      nearestAsset: deps.nearestAsset,
      nextSyncAt: createNextSyncAt(config),
      redirectUrl,
      callbackPath,
      production,
    }),
    checks: configured ? [configured.check] : [],
    collectors: configured ? [createConnectionGauge({ reader: database.reader, metrics })] : [],
    handle: configured?.handle ?? (async () => {}),
    close: async () => configured?.close(),
  };
};
