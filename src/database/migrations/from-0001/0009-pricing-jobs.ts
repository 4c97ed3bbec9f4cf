import type { Migration } from '../migration.ts';

export const pricingJobs: Migration = {
  name: '0009-pricing-jobs',
  up: [
    `create table pricing_job (
      id uuid primary key,
      subject text not null,
      status text not null,
      created_at timestamptz not null,
      submitted_at timestamptz null
    )`,
    `create table pricing_chunk (
      job_id uuid not null constraint pricing_chunk_job_id_foreign references pricing_job (id) on delete cascade,
      number int not null,
      status text not null,
      digest text not null,
      input bytea null,
      output bytea null,
      row_count int null,
      failed_count int null,
      reason text null,
      finished_at timestamptz null,
      primary key (job_id, number)
    )`,
  ],
  down: ['drop table pricing_chunk', 'drop table pricing_job'],
};
