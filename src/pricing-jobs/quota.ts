import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { takeOwnerTurn } from '#src/kernel/lists/owner-turn.ts';
import { assertWithinQuota } from '#src/kernel/lists/storage-quota.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';

/** What pricing jobs may hold in the database; API keys count for the user or client that owns them. */
export type PricingJobLimits = {
  readonly maxJobsPerOwner: number;
  /** Priced rows whose results are stored. */
  readonly maxRowsPerOwner: number;
  /** Inputs that wait and results that are kept. */
  readonly maxBytesPerOwner: number;
  /** The same of all owners together. */
  readonly maxBytes: number;
};

export type PricingJobQuotaDependencies = { readonly limits: PricingJobLimits; readonly abuse: AbuseReport };

export type PricingJobQuota = {
  /** @throws AppError `quota_exceeded` when `owner` has as many jobs as allowed */
  readonly assertJob: (query: Query, owner: string) => Promise<void>;
  /**
   * Whether a chunk of so many bytes may be stored. Additions of one owner take turns until the end of the
   * transaction, so that two at once do not both fit.
   * @throws AppError `quota_exceeded`
   */
  readonly assertChunk: (query: Query, owner: string, bytes: number) => Promise<void>;
  /**
   * Whether a result may take the place of its input.
   * @param addedBytes negative when the result is smaller
   * @throws AppError `quota_exceeded`
   */
  readonly assertResult: (query: Query, owner: string, addedBytes: number) => Promise<void>;
};

const remedy =
  'Cancel jobs that are not needed any more (DELETE /pricing/jobs/{id}), or wait until their retention time is over.';

/** `stored_bytes` is set before the bytes are written: a transaction that holds the turn of its owner must be short. */
const useSql = `
  select coalesce(sum(stored_bytes), 0)::bigint as bytes,
    coalesce(sum(row_count), 0)::bigint as row_count
  from pricing_job job join pricing_chunk on job_id = job.id`;

type Use = { readonly bytes: number; readonly row_count: number };

export const createPricingJobQuota = ({ limits, abuse }: PricingJobQuotaDependencies): PricingJobQuota => {
  const takeTurn = (query: Query, owner: string): Promise<void> => takeOwnerTurn(query, `pricing jobs of ${owner}`);

  const useOf = async (query: Query, owner: string): Promise<Use> => {
    await takeTurn(query, owner);
    const [own] = await query<Use>(`${useSql} where owner = $1`, [owner]);
    return own!;
  };

  const assertBytes = async (query: Query, held: number, addedBytes: number): Promise<void> => {
    const own = { quota: 'pricing_job_bytes', wanted: held + addedBytes, max: limits.maxBytesPerOwner } as const;
    assertWithinQuota(abuse, { ...own, unit: 'bytes', remedy });
    // Without a lock over all owners, so it may be passed by the requests that are in progress.
    const [all] = await query<Use>(useSql);
    assertWithinQuota(abuse, {
      quota: 'pricing_job_bytes_of_all_callers',
      wanted: all!.bytes + addedBytes,
      max: limits.maxBytes,
      unit: 'bytes',
      remedy: 'Other callers hold the rest; try again after some of it is removed.',
    });
  };

  return {
    assertJob: async (query, owner) => {
      await takeTurn(query, owner);
      const [held] = await query<{ jobs: number }>('select count(*)::int as jobs from pricing_job where owner = $1', [
        owner,
      ]);
      const wanted = held!.jobs + 1;
      assertWithinQuota(abuse, { quota: 'pricing_jobs', wanted, max: limits.maxJobsPerOwner, unit: 'jobs', remedy });
    },

    assertChunk: async (query, owner, bytes) => {
      const held = await useOf(query, owner);
      // Rows of a chunk are known once it is priced: the quota is passed by the chunks that wait.
      const rows = { quota: 'pricing_job_rows', wanted: held.row_count + 1, max: limits.maxRowsPerOwner } as const;
      assertWithinQuota(abuse, { ...rows, unit: 'rows', remedy });
      await assertBytes(query, held.bytes, bytes);
    },

    assertResult: async (query, owner, addedBytes) => {
      if (addedBytes <= 0) return;
      await assertBytes(query, (await useOf(query, owner)).bytes, addedBytes);
    },
  };
};
