import { lockNames } from '#src/kernel/catalogue/lock-names.ts';
import { countRemoved } from '#src/kernel/lists/removal.ts';
import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { takeOwnerTurn } from '#src/kernel/lists/owner-turn.ts';
import { assertWithinQuota } from '#src/kernel/lists/storage-quota.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import { cancelJobsOfEndedKeysOf } from '../ended-keys.ts';
import { createTotalBytes } from '#src/kernel/lists/total-bytes.ts';
import { networkShare } from './network-share.ts';
import { addWrittenBytes, readWrittenBytes, writeWindow, type Writer } from './written-bytes.ts';

/** Limits of stored pricing jobs. API keys count for the user or client that they belong to. */
export type PricingJobLimits = {
  readonly maxJobsPerOwner: number;
  /** Max priced rows with stored results. */
  readonly maxRowsPerOwner: number;
  /** Max bytes of waiting inputs and stored results. */
  readonly maxBytesPerOwner: number;
  /** Max bytes of all owners together. */
  readonly maxBytes: number;
  /** Max bytes that an owner writes in ten minutes, also if they are deleted meanwhile. */
  readonly maxWrittenBytesPerOwner: number;
  /** The same for all owners together. */
  readonly maxWrittenBytes: number;
  /** A smaller chunk counts as this number of bytes, so that the limits of bytes also limit the number of chunks. */
  readonly minChunkBytes: number;
};

export type PricingJobQuotaDeps = {
  readonly limits: PricingJobLimits;
  readonly abuse: AbuseReport;
  readonly clock: Pick<Clock, 'monotonic'>;
};

export type PricingJobQuota = {
  /** @throws AppError `quota_exceeded` if `owner` has the max number of jobs */
  readonly assertJob: (query: Query, owner: string) => Promise<void>;
  /**
   * Checks that a chunk can be stored. Holds a lock of the owner until the end of the transaction, because two chunks
   * at the same time must not both use the same free space.
   * @throws AppError `quota_exceeded`
   */
  readonly assertChunk: (query: Query, writer: Writer, bytes: number) => Promise<void>;
  /**
   * Checks that a result can replace its input.
   * @throws AppError `quota_exceeded`
   */
  readonly assertResult: (
    query: Query,
    owner: string,
    sizes: { readonly inputBytes: number; readonly resultBytes: number },
  ) => Promise<void>;
  /** Counts the bytes of a result that is stored. They are not refused, because the work is done, and only their chunk could be lost. */
  readonly addResult: (query: Query, writer: Writer, bytes: number) => Promise<void>;
};

const remedy =
  'Cancel jobs that are not needed any more (DELETE /pricing/jobs/{id}), or wait until their retention time is over.';

/**
 * `stored_bytes` is set before the bytes are written, because a transaction with the lock of its owner must be short.
 */
const useSql = `
  select coalesce(sum(greatest(stored_bytes, $1)), 0)::bigint as bytes,
    coalesce(sum(row_count), 0)::bigint as row_count
  from pricing_chunk`;
/** What cancelled jobs still have is removed by the queue, and counts against all callers together until then. */
const useWithoutCancelledSql = `${useSql} join pricing_job on pricing_job.id = job_id and pricing_job.status <> 'cancelled'`;

type Use = { readonly bytes: number; readonly row_count: number };

export const createPricingJobQuota = ({ limits, abuse, clock }: PricingJobQuotaDeps): PricingJobQuota => {
  const { minChunkBytes } = limits;
  const countedBytes = (bytes: number): number => Math.max(bytes, minChunkBytes);
  const total = createTotalBytes({
    clock,
    read: async (query) => (await query<Use>(useSql, [minChunkBytes]))[0]!.bytes,
  });

  const lockOwner = (query: Query, owner: string): Promise<void> => takeOwnerTurn(query, lockNames.pricingJobs(owner));

  const useOf = async (query: Query, owner: string): Promise<Use> => {
    await lockOwner(query, owner);
    const [own] = await query<Use>(`${useWithoutCancelledSql} where owner = $2`, [minChunkBytes, owner]);
    return own!;
  };

  /** The use of an owner. If it is too large, jobs of ended keys are cancelled first. */
  const useThatFits = async (query: Query, owner: string, isTooLarge: (use: Use) => boolean): Promise<Use> => {
    const use = await useOf(query, owner);
    if (!isTooLarge(use) || (await cancelJobsOfEndedKeysOf(query, owner)) === 0) return use;
    return useOf(query, owner);
  };

  const countJobs = async (query: Query, owner: string): Promise<{ readonly all: number; readonly live: number }> => {
    const [stored] = await query<{ all: number; live: number }>(
      `select count(*)::int as all, count(*) filter (where status <> 'cancelled')::int as live
       from pricing_job where owner = $1`,
      [owner],
    );
    return stored!;
  };

  /** Cancelled jobs are kept for their callers until the owner needs their places. Those with data are left to the queue, because data can be large. */
  const removeCancelled = (query: Query, owner: string): Promise<number> =>
    // SQL, because one statement removes any number of jobs.
    countRemoved(
      query,
      `delete from pricing_job where owner = $1 and status = 'cancelled'
         and not exists (select from pricing_chunk where job_id = pricing_job.id)`,
      [owner],
    );

  const bytesOfNetwork = async (query: Query, network: string): Promise<number> =>
    (await query<Use>(`${useWithoutCancelledSql} where network = $2`, [minChunkBytes, network]))[0]!.bytes;

  /** @param max of all callers */
  const assertShare = (
    quota: 'pricing_job_bytes_of_network' | 'pricing_job_written_bytes_of_network',
    { max, used, total: ofAll, added }: Readonly<Record<'max' | 'used' | 'total' | 'added', number>>,
    then: string,
  ): void => {
    const ofOwner = {
      maxOfOwner: quota === 'pricing_job_bytes_of_network' ? limits.maxBytesPerOwner : limits.maxWrittenBytesPerOwner,
    };
    assertWithinQuota(abuse, {
      quota,
      wanted: used + added,
      max: networkShare({ max, ...ofOwner, minBytes: minChunkBytes }, ofAll, added),
      unit: 'bytes',
      remedy: `All callers of a network share them, and they become fewer when other networks use many. ${then}`,
    });
  };

  const assertBytes = async (query: Query, storedBytes: number, addedBytes: number): Promise<void> => {
    const own = { quota: 'pricing_job_bytes', wanted: storedBytes + addedBytes, max: limits.maxBytesPerOwner } as const;
    assertWithinQuota(abuse, { ...own, unit: 'bytes', remedy });
    // There is no lock over all owners, so requests in progress can exceed this limit by their size.
    assertWithinQuota(abuse, {
      quota: 'pricing_job_bytes_of_all_callers',
      wanted: (await total.current(query)) + addedBytes,
      max: limits.maxBytes,
      unit: 'bytes',
      remedy: 'Other callers use the rest. Try again some seconds after some of it is removed.',
    });
    total.add(addedBytes);
  };

  const assertWrites = async (query: Query, writer: Writer, bytes: number): Promise<void> => {
    const written = await readWrittenBytes(query, writer);
    const wait = `So many bytes can be written within ${writeWindow}, also if they are deleted meanwhile: wait up to ${writeWindow}.`;
    assertWithinQuota(abuse, {
      quota: 'pricing_job_written_bytes',
      wanted: written.own + bytes,
      max: limits.maxWrittenBytesPerOwner,
      unit: 'bytes',
      remedy: wait,
    });
    assertWithinQuota(abuse, {
      quota: 'pricing_job_written_bytes_of_all_callers',
      wanted: written.total + bytes,
      max: limits.maxWrittenBytes,
      unit: 'bytes',
      remedy: wait,
    });
    const ofAll = { max: limits.maxWrittenBytes, total: written.total, added: bytes };
    if (writer.network !== null) {
      assertShare('pricing_job_written_bytes_of_network', { ...ofAll, used: written.of_network }, wait);
    }
    await addWrittenBytes(query, writer, bytes);
  };

  return {
    assertJob: async (query, owner) => {
      await lockOwner(query, owner);
      let jobs = await countJobs(query, owner);
      if (jobs.all + 1 > limits.maxJobsPerOwner) {
        await cancelJobsOfEndedKeysOf(query, owner);
        await removeCancelled(query, owner);
        jobs = await countJobs(query, owner);
      }
      const wanted = jobs.live + 1;
      assertWithinQuota(abuse, { quota: 'pricing_jobs', wanted, max: limits.maxJobsPerOwner, unit: 'jobs', remedy });
    },

    assertChunk: async (query, writer, bytes) => {
      const { owner, network } = writer;
      const use = await useThatFits(
        query,
        owner,
        (now) =>
          now.row_count + 1 > limits.maxRowsPerOwner || now.bytes + countedBytes(bytes) > limits.maxBytesPerOwner,
      );
      // The rows of a chunk are known only after it is priced. So waiting chunks can exceed this quota.
      const rows = { quota: 'pricing_job_rows', wanted: use.row_count + 1, max: limits.maxRowsPerOwner } as const;
      assertWithinQuota(abuse, { ...rows, unit: 'rows', remedy });
      // Last, because it adds to a count of this process, which a refusal after it would not take back.
      await assertWrites(query, writer, countedBytes(bytes));
      if (network !== null) {
        const ofAll = { max: limits.maxBytes, total: await total.current(query), added: countedBytes(bytes) };
        const used = await bytesOfNetwork(query, network);
        assertShare('pricing_job_bytes_of_network', { ...ofAll, used }, remedy);
      }
      await assertBytes(query, use.bytes, countedBytes(bytes));
    },

    assertResult: async (query, owner, { inputBytes, resultBytes }) => {
      const addedBytes = countedBytes(resultBytes) - countedBytes(inputBytes);
      if (addedBytes <= 0) return;
      const use = await useThatFits(query, owner, (now) => now.bytes + addedBytes > limits.maxBytesPerOwner);
      await assertBytes(query, use.bytes, addedBytes);
    },

    addResult: addWrittenBytes,
  };
};
