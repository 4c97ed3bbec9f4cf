import { defineEntity, p } from '@mikro-orm/core';

const PricingJobEntity = defineEntity({
  name: 'PricingJob',
  tableName: 'pricing_job',
  indexes: [{ name: 'pricing_job_owner_index', properties: ['owner'] }],
  properties: {
    id: p.uuid().primary(),
    /** Whose it is: kind and id of the principal. */
    subject: p.text(),
    /** Whose quota it counts against: kind and id of a user or client. Null for rows of an earlier version. */
    owner: p.text().nullable(),
    status: p.text().$type<'open' | 'submitted' | 'cancelled'>(),
    createdAt: p.datetime(),
    submittedAt: p.datetime().nullable(),
  },
});

/** `input` goes once it is priced. */
const PricingChunkEntity = defineEntity({
  name: 'PricingChunk',
  tableName: 'pricing_chunk',
  properties: {
    job: () => p.manyToOne(PricingJobEntity).primary().updateRule('no action').deleteRule('cascade'),
    number: p.integer().primary(),
    status: p.text().$type<'storing' | 'waiting' | 'done' | 'failed'>(),
    digest: p.text(),
    input: p.blob().nullable(),
    output: p.blob().nullable(),
    /** Bytes that are stored or reserved. */
    storedBytes: p.integer().default(0),
    rowCount: p.integer().nullable(),
    failedCount: p.integer().nullable(),
    reason: p.text().nullable(),
    finishedAt: p.datetime().nullable(),
  },
});

export const pricingJobEntities = [PricingJobEntity, PricingChunkEntity];
