import { defineEntity, p } from '@mikro-orm/core';
import type { PricingDefaults } from '#src/kernel/ports/account/pricing-defaults.ts';

export const PricingJobEntity = defineEntity({
  name: 'PricingJob',
  tableName: 'pricing_job',
  indexes: [{ name: 'pricing_job_owner_index', properties: ['owner'] }],
  properties: {
    id: p.uuid().primary(),
    /** Kind and id of the principal that opened the job. */
    subject: p.text(),
    /** Kind and id of the user or client whose quota the job counts against. Null for rows of an earlier version. */
    owner: p.text().nullable(),
    status: p.text().$type<'open' | 'submitted' | 'cancelled'>(),
    createdAt: p.datetime(),
    submittedAt: p.datetime().nullable(),
    /** What the settings and presets of the user meant when the job was opened. Null for clients and rows of an earlier version. */
    defaults: p.json().$type<PricingDefaults>().nullable(),
  },
});

/** `input` is null after the chunk was priced. */
const PricingChunkEntity = defineEntity({
  name: 'PricingChunk',
  tableName: 'pricing_chunk',
  indexes: [{ name: 'pricing_chunk_network_index', properties: ['network'] }],
  properties: {
    job: () => p.manyToOne(PricingJobEntity).primary().updateRule('no action').deleteRule('cascade'),
    number: p.integer().primary(),
    status: p.text().$type<'storing' | 'waiting' | 'done' | 'failed'>(),
    digest: p.text(),
    /** A keyed hash of the network of the request that gave the chunk. Null for rows of an earlier version. */
    network: p.text().nullable(),
    input: p.blob().nullable(),
    output: p.blob().nullable(),
    /** Bytes that are stored or reserved. */
    storedBytes: p.integer().default(0),
    rowCount: p.integer().nullable(),
    failedCount: p.integer().nullable(),
    reason: p.text().nullable(),
    /** The chunk was enqueued again, because the queue had given its job up. */
    isResumed: p.boolean().default(false),
    finishedAt: p.datetime().nullable(),
  },
});

/** Bytes that an owner, or all owners of a network, have written since `windowStart`. */
const PricingWriteEntity = defineEntity({
  name: 'PricingWrite',
  tableName: 'pricing_write',
  properties: {
    ownerHash: p.bigint().primary().autoincrement(false),
    /** The row counts what all owners of a network have written. */
    isNetwork: p.boolean().default(false),
    windowStart: p.datetime(),
    bytes: p.bigint(),
  },
});

export const pricingJobEntities = [PricingJobEntity, PricingChunkEntity, PricingWriteEntity];
