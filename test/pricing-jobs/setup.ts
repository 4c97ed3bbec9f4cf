import { randomUUID } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import { createDatabase } from '#src/database/database.ts';
import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';
import type { JobData, JobEnqueuer, JobRemover, JobSetEnqueuer } from '#src/kernel/ports/jobs.ts';
import { silentLogger, type LogFields } from '#src/kernel/ports/logger.ts';
import { type Clock, systemClock } from '#src/kernel/ports/clock.ts';
import { pricingJobEntities } from '#src/pricing-jobs/entities.ts';
import { createPricingJobs, type PricingJobsDeps } from '#src/pricing-jobs/pricing-jobs.ts';
import { removeCancelledChunks } from '#src/pricing-jobs/retention.ts';
import { createPricingJobQuota, type PricingJobLimits } from '#src/pricing-jobs/quota/quota.ts';
import type { ReadingOptions } from '#src/kernel/streams/unread-blocks.ts';
import { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import { recordAbuse } from '#testkit/abuse.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';
import { recordMetrics } from '#testkit/metrics.ts';

export const owner = 'client:desk';
export const live = AbortSignal.timeout(60_000);
/** For results that nobody ceases to wait for. */
export const reading: ReadingOptions = { signal: live, reserve: () => {} };
export const outcome = (work: Promise<unknown>): Promise<string> => work.then(() => 'none', codeOf);

/** Prices by turning the bytes round; each byte is a row. */
export const reversed: PricingJobsDeps['price'] = async (bytes) => ({
  bytes: ByteBlocks.of(Buffer.from(bytes.joined()).reverse()),
  rows: bytes.byteLength,
  failed: 1,
});

const roomy: PricingJobLimits = {
  maxJobsPerOwner: 100,
  maxRowsPerOwner: 1_000,
  maxBytesPerOwner: 1_000,
  maxBytes: 10_000,
  maxWrittenBytesPerOwner: 100_000_000,
  maxWrittenBytes: 100_000_000,
  minChunkBytes: 1,
};

export const setup = async (
  t: ExecutionContext,
  price = reversed,
  mayAct = async () => true,
  limits: Partial<PricingJobLimits> = {},
  clock: Clock = systemClock,
) => {
  const admin = await setupDatabase(t);
  const metrics = recordMetrics();
  // Requests with places have half of the connections: as many as results that are read at once.
  const settings = { ...databaseSettings(admin.url), poolMax: 8 };
  const database = await createDatabase({ ...settings, metrics, entities: pricingJobEntities });
  t.teardown(() => database.close());
  const queued: JobData[] = [];
  const groups: (string | undefined)[] = [];
  const networks: (string | undefined)[] = [];
  /** Runs in the transaction that writes the bytes of a chunk. */
  const hooks = { onEnqueue: async (): Promise<void> => {}, network: 'network' as string | undefined, isLost: false };
  const removed: string[] = [];
  const jobs: JobEnqueuer & JobSetEnqueuer & JobRemover = {
    lacksJob: () => String(hooks.isLost),
    enqueueAll: async () => 0,
    remove: async (_transaction, _queue, keys) => void removed.push(...keys),
    enqueue: async (_transaction, _queue, { data, group, network }) => {
      await hooks.onEnqueue();
      queued.push(data);
      groups.push(group);
      networks.push(network);
      return true;
    },
  };
  const lines: LogFields[] = [];
  const keep = (fields: LogFields, message: string): void => void lines.push({ message, ...fields });
  const logger = { ...silentLogger, warn: keep, error: keep };
  const { unitOfWork, reader } = database;
  const refusals = recordAbuse();
  const quota = createPricingJobQuota({
    limits: { ...roomy, ...limits },
    abuse: refusals,
    clock: systemClock,
  });
  const assertStream = (bytes: Uint8Array): void => {
    if (bytes[0] === 0xff) throw new AppError('malformed_body');
  };
  const deps = {
    networkOfRequest: () => hooks.network,
    clock,
    metrics,
    logger,
    unitOfWork,
    reader,
    jobs,
    ids: randomUUID,
    mayAct,
    assertCallerMayStore: async () => {},
    price,
    quota,
    assertStream,
    defaultsOfCaller: async () => undefined,
    watchMs: 20,
    maxLargeChunks: 1,
  };
  const pricing = createPricingJobs(deps);
  const work = async (last = false): Promise<void> => {
    for (const data of queued.splice(0)) await pricing.handle(data, live, { last });
  };
  const removeCancelled = (): Promise<number> =>
    removeCancelledChunks((part) => unitOfWork.run({ operation: 'retention' }, part), live);
  return {
    admin,
    database,
    removeCancelled,
    metrics,
    refusals,
    pricing,
    queued,
    removed,
    groups,
    networks,
    hooks,
    jobs,
    quota,
    work,
    lines,
  };
};
