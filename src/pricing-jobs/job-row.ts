export type PricingJob = {
  readonly id: string;
  readonly status: 'open' | 'running' | 'completed' | 'cancelled';
  readonly created_at: string;
  readonly finished_at: string | null;
  readonly chunks: { readonly total: number; readonly done: number; readonly failed: number };
  /** Only rows of chunks that are done. */
  readonly rows: { readonly priced: number; readonly failed: number };
};

/** Reads a job with the sums of its chunks. Parameters: the id of the job and its subject. */
export const jobSql = `
  select job.id, job.status, job.created_at, job.submitted_at,
    count(chunk.number) filter (where chunk.status <> 'storing')::int as total,
    count(*) filter (where chunk.status = 'done')::int as done,
    count(*) filter (where chunk.status = 'failed')::int as failed,
    coalesce(sum(chunk.row_count), 0)::int as row_count, coalesce(sum(chunk.failed_count), 0)::int as failed_count,
    max(chunk.finished_at) as finished_at
  from pricing_job job left join pricing_chunk chunk on chunk.job_id = job.id and job.status <> 'cancelled'
  where job.id = $1 and job.subject = $2 group by job.id`;

export type JobRow = {
  readonly id: string;
  readonly status: 'open' | 'submitted' | 'cancelled';
  readonly created_at: Date;
  readonly submitted_at: Date | null;
  readonly total: number;
  readonly done: number;
  readonly failed: number;
  readonly row_count: number;
  readonly failed_count: number;
  readonly finished_at: Date | null;
};

export const toJob = (row: JobRow): PricingJob => {
  const completed = row.status === 'submitted' && row.done + row.failed === row.total;
  return {
    id: row.id,
    status: completed ? 'completed' : row.status === 'submitted' ? 'running' : row.status,
    created_at: row.created_at.toISOString(),
    finished_at: completed ? (row.finished_at ?? row.submitted_at)!.toISOString() : null,
    chunks: { total: row.total, done: row.done, failed: row.failed },
    rows: { priced: row.row_count, failed: row.failed_count },
  };
};
