import { derivedSecret, type KeyRing, type MayAct } from '../../auth/index.ts';
import type { Database } from '../../database/index.ts';
import { createJobs, type JobHandlers, type Jobs } from '../../jobs/index.ts';
import type { AuditTrail } from '../../kernel/ports/audit.ts';
import { AppError, codeOf, errorTable } from '../../kernel/catalogue/errors.ts';
import type { JobHandler, JobSchedule } from '../../kernel/ports/jobs.ts';
import type { AssertCallerMayStore } from '../../kernel/ports/owners.ts';
import { calculatesAfter, indexCheckSchedule } from '../../market-data/index.ts';
import { ByteBlocks } from '../../kernel/streams/byte-blocks.ts';
import { uuidv7 } from '../../kernel/ids.ts';
import { siteHashOfRequest } from '../../kernel/requests/callers/site-of-request.ts';
import { assertArrowStream, type PricingService, reportAbuse, totalsOf } from '../../pricing/index.ts';
import { createPricingJobQuota, createPricingJobs, type PricingJobs } from '../../pricing-jobs/index.ts';
import type { Base } from '../base.ts';
import type { SettingsOfCaller } from '../identity/caller-settings.ts';
import type { CalendarFeature } from './calendar.ts';
import type { MarketData } from './market-data.ts';
import { composeRemoval, composeRetention, retentionSeconds } from './retention.ts';
import type { WebhookParts } from './webhooks.ts';

/** For the steps of a refresh beside fetching and applying. */
const refreshMarginSeconds = 60;

/**
 * Enqueues what a queue has lost, because its database was away or busy for longer than the retries take. The jobs have a queue of their own, because a
 * worker of the previous release does not know them.
 */
const resumption = (of: 'webhooks' | 'mail' | 'pricing'): JobSchedule => ({
  queue: 'lost_jobs',
  key: of,
  cron: '*/5 * * * *',
  data: { of },
});

export const composeJobs = ({ config, metrics, logger }: Base, database: Database): Jobs => {
  const calendarSchedule: JobSchedule = {
    queue: 'calendar',
    key: 'calendar',
    cron: config.CALENDAR_SYNC_SCHEDULE,
    data: {},
  };
  const refreshMs =
    Math.max(config.PROVIDER_TIMEOUT_MS, config.REFRESH_FETCH_TIMEOUT_MS) + config.REFRESH_APPLY_TIMEOUT_MS;
  const refreshSeconds = Math.ceil(refreshMs / 1_000 + refreshMarginSeconds);
  return createJobs({
    execute: database.execute,
    worker: config.ROLE !== 'api',
    schedules: [
      ...(config.GOOGLE_CLIENT_ID === undefined ? [] : [calendarSchedule]),
      resumption('webhooks'),
      resumption('mail'),
      resumption('pricing'),
      // No universe has this name, because names of universes have no dot.
      { queue: 'quality', key: 'all.universes', cron: config.QUALITY_SCHEDULE, data: {} },
      indexCheckSchedule,
      { queue: 'removal', key: 'cancelled_chunks', cron: '* * * * *', data: {} },
      { queue: 'retention', key: 'retention', cron: config.RETENTION_SCHEDULE, data: {} },
    ],
    scheduledByData: ['refresh'],
    concurrency: config.JOBS_CONCURRENCY,
    pollMs: config.JOBS_POLL_MS,
    retries: config.JOBS_RETRIES,
    retryDelaySeconds: config.JOBS_RETRY_DELAY_SECONDS,
    queues: {
      refresh: { maxSeconds: refreshSeconds },
      // One at a time, because a new version can calculate all indexes while it serves.
      index_values: { maxSeconds: refreshSeconds, concurrency: 1 },
      retention: { maxSeconds: retentionSeconds },
      lost_jobs: { concurrency: 1 },
      removal: { maxSeconds: retentionSeconds },
      pricing: {
        oneJobPerGroup: true,
        placesPerNetwork: Math.max(1, Math.floor(config.PRICING_JOB_CONCURRENCY / 4)),
        concurrency: config.PRICING_JOB_CONCURRENCY,
      },
      // Google and the owner of a calendar cause its failures.
      calendar: { finalFailureLevel: 'warn' },
      // The SMTP server causes its failures.
      mail: {
        oneJobPerGroup: true,
        finalFailureLevel: 'warn',
        concurrency: config.MAIL_CONCURRENCY,
        maxConcurrency: config.MAIL_MAX_CONCURRENCY,
        retries: config.MAIL_RETRIES,
        retryDelaySeconds: config.MAIL_RETRY_DELAY_SECONDS,
      },
      webhook_delivery: {
        oneJobPerGroup: true,
        finalFailureLevel: 'warn',
        concurrency: config.WEBHOOK_CONCURRENCY,
        maxConcurrency: config.WEBHOOK_MAX_CONCURRENCY,
        retries: config.WEBHOOK_RETRIES,
        retryDelaySeconds: config.WEBHOOK_RETRY_DELAY_SECONDS,
      },
    },
    heartbeatSeconds: config.JOBS_HEARTBEAT_SECONDS,
    metrics,
    logger,
  });
};

const triggerOfJob = (trigger: string | undefined): 'request' | 'change' | 'startup' | 'schedule' =>
  trigger === 'request' || trigger === 'change' || trigger === 'startup' ? trigger : 'schedule';

/** They take no chunk of more than 1 MB, so that a small one does not wait until a large one ends. */
const workersForSmallChunks = 2;

/** Pause of a refresh whose universe is refreshed at the moment. */
const busySeconds = 5;

/** Returns the handler of each queue. */
export const jobHandlers = (
  { config, clock, logger }: Base,
  { unitOfWork, reader }: Database,
  {
    refreshes,
    quality,
    calculateIndexes,
    indexChecks,
  }: Pick<MarketData, 'refreshes' | 'quality' | 'calculateIndexes' | 'indexChecks'>,
  audit: AuditTrail,
  pricingJobs: PricingJobs,
  webhooks: WebhookParts,
  calendar: CalendarFeature,
  mail: { readonly handle: JobHandler; readonly resume: () => Promise<void> },
): JobHandlers => ({
  lost_jobs: ({ of }) => (of === 'mail' ? mail : of === 'pricing' ? pricingJobs : webhooks).resume(),
  mail: mail.handle,
  calendar: calendar.handle,
  quality: quality.handle,
  index_values: indexChecks.handle,
  webhook_event: webhooks.handleEvent,
  webhook_delivery: webhooks.deliver,
  pricing: pricingJobs.handle,
  refresh: async (data, signal) => {
    const { universe = '', trigger, refresh_id: queuedId, waited } = data;
    const after = calculatesAfter(data);
    if (after !== undefined) return calculateIndexes(universe, after, signal);
    const requested = trigger === 'request';
    const run = async () => {
      try {
        return await refreshes.run({
          universe,
          trigger: triggerOfJob(trigger),
          waited: requested ? waited === 'true' : true,
          signal,
          ...(queuedId !== undefined && { queuedId }),
        });
      } catch (error) {
        if (codeOf(error) === 'refresh_in_progress') return undefined;
        // The universe was deleted after the job was enqueued.
        if (requested || codeOf(error) !== 'validation_failed') throw error;
        logger.info({ universe, trigger }, 'a refresh was left out, because its universe does not exist any more');
        return { reason: null };
      }
    };
    const record = await run();
    // The other refresh can take an hour, so this is no failure.
    if (record === undefined) return { putBackSeconds: busySeconds, rests: true };
    const { reason } = record;
    if (reason === null) return;
    // A requested refresh is not retried after an error, because its record shows the error to the caller. A scheduled
    // refresh is retried after a temporary error, and every refresh after a shutdown.
    if (reason === 'shutting_down' || (!requested && errorTable[reason].retryable)) throw new AppError(reason);
  },
  removal: composeRemoval({ unitOfWork }),
  retention: composeRetention({ config, clock, logger }, { unitOfWork, reader }, audit),
});

/** 32,768 chunks of one owner with the default of PRICING_JOB_BYTES_PER_OWNER. */
const minPricingChunkBytes = 16_384;

/** Bytes that can be written in ten minutes, as a multiple of those that can be stored. A chunk is written twice: its input and its result. */
const writesOfStored = 2;

/** Pricing jobs run in the pricing processes of the service process that takes them from the queue. */
export const composePricingJobs = async (
  { config, abuse, clock, metrics, logger }: Base,
  { unitOfWork, reader }: Database,
  {
    jobs,
    mayAct,
    assertCallerMayStore,
    pricing,
    settingsOf,
    keyRing,
  }: {
    readonly jobs: Jobs;
    readonly mayAct: MayAct;
    readonly assertCallerMayStore: AssertCallerMayStore;
    readonly pricing: PricingService;
    readonly settingsOf: SettingsOfCaller['of'];
    readonly keyRing: KeyRing;
  },
): Promise<PricingJobs> => {
  const networkKey = await derivedSecret(keyRing.signing, 'networks of pricing jobs');
  return createPricingJobs({
    networkOfRequest: () => siteHashOfRequest(networkKey)?.toString('hex'),
    maxLargeChunks: Math.max(1, config.PRICING_JOB_CONCURRENCY - workersForSmallChunks),
    clock,
    metrics,
    logger,
    unitOfWork,
    reader,
    jobs,
    ids: uuidv7,
    mayAct,
    assertCallerMayStore,
    quota: createPricingJobQuota({
      limits: {
        maxJobsPerOwner: config.PRICING_JOBS_PER_OWNER,
        maxRowsPerOwner: config.PRICING_JOB_ROWS_PER_OWNER,
        maxBytesPerOwner: config.PRICING_JOB_BYTES_PER_OWNER,
        maxBytes: config.PRICING_JOB_BYTES,
        maxWrittenBytesPerOwner: config.PRICING_JOB_BYTES_PER_OWNER * writesOfStored,
        maxWrittenBytes: config.PRICING_JOB_BYTES * writesOfStored,
        minChunkBytes: minPricingChunkBytes,
      },
      abuse,
      clock,
    }),
    assertStream: (bytes) => {
      try {
        assertArrowStream(bytes);
      } catch (error) {
        reportAbuse(error, abuse);
        throw error;
      }
    },
    defaultsOfCaller: async () => {
      const settings = await settingsOf();
      if (settings === undefined) return undefined;
      const { universe: _, ...defaults } = settings;
      return defaults;
    },
    price: async (bytes, signal, { caller, defaults }) => {
      const request = { bytes, input: 'arrow', answer: ['arrow'], jsonDepth: config.JSON_DEPTH_LIMIT } as const;
      const { chunks, size, tally } = await pricing.batch(request, {
        signal,
        job: { caller, defaults, maxMs: config.PRICING_JOB_CHUNK_MS },
      });
      return { bytes: new ByteBlocks(chunks), rows: size, failed: size - totalsOf(tally).ok };
    },
  });
};
