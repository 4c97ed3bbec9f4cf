import { z } from 'zod';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { ownerName } from '#src/kernel/ports/owners.ts';
import { integerParameter, resourceQuery } from '#src/kernel/lists/pagination.ts';
import { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import { UnreadBlocks } from '#src/kernel/streams/unread-blocks.ts';
import type { RequestContext } from '#src/kernel/requests/request-context.ts';
import { byId, idParameter } from '#src/kernel/lists/id-parameter.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import type { PricingJobs } from './pricing-jobs.ts';

/** With up to 100,000 rows in a chunk, a job has up to ten million rows. */
const maxChunks = 100;
const arrowType = 'application/vnd.apache.arrow.stream';

const count = z.int().min(0);
const jobSchema = z
  .strictObject({
    id: z.uuid(),
    status: z.enum(['open', 'running', 'completed', 'cancelled']),
    created_at: z.iso.datetime(),
    finished_at: z.iso.datetime().nullable(),
    chunks: z.strictObject({ total: count, done: count, failed: count }).meta({ id: 'PricingJobChunks' }),
    rows: z.strictObject({ priced: count, failed: count }).meta({ id: 'PricingJobRows' }),
  })
  .meta({ id: 'PricingJob' });
const byNumber = z.strictObject({ id: idParameter, number: integerParameter(1, maxChunks) });
const bytes = z.custom<ByteBlocks>((value) => value instanceof ByteBlocks);
const unreadBytes = z.custom<UnreadBlocks>((value) => value instanceof UnreadBlocks);

const callerOf = ({ principal }: RequestContext): { readonly subject: string; readonly owner: string } => {
  if (!principal) throw new AppError('credentials_missing');
  return { subject: `${principal.kind}:${principal.subject}`, owner: ownerName(principal) };
};
const subjectOf = (context: RequestContext): string => callerOf(context).subject;

export type PricingJobRoutesDeps = {
  readonly jobs: PricingJobs;
  /** Prefix of all paths, for `Location`. */
  readonly basePath: string;
};

/**
 * Routes for pricing that takes longer than a request. Input and results are chunks in Arrow format; any worker prices
 * them.
 */
export const createPricingJobRoutes = ({ jobs, basePath }: PricingJobRoutesDeps): Route[] => {
  const common = { tag: 'Pricing jobs', auth: 'authenticated', rateLimit: 'caller' } as const;
  return [
    defineRoute({
      ...common,
      auth: 'program',
      method: 'POST',
      load: 'pricing',
      path: '/pricing/jobs',
      summary: 'Open a pricing job with up to ten million rows in chunks',
      request: { body: z.strictObject({}).meta({ id: 'PricingJobRequest' }) },
      responses: { 201: jobSchema },
      errors: [],
      idempotency: true,
      handler: async ({ context }) => {
        const created = (job: z.input<typeof jobSchema>) => ({
          status: 201 as const,
          body: job,
          headers: { Location: `${basePath}/pricing/jobs/${job.id}` },
        });
        const job = await jobs.open(callerOf(context), async (opened, transaction) =>
          context.idempotency?.remember(transaction, created(opened)),
        );
        return created(job);
      },
    }),
    defineRoute({
      ...common,
      auth: 'program',
      method: 'PUT',
      load: 'batch',
      path: '/pricing/jobs/{id}/chunks/{number}',
      summary: 'Add a chunk of rows',
      description: `Chunks have a number from 1 to ${maxChunks} and the Arrow format of /pricing/batch. Pricing starts immediately.`,
      bodyLimit: 'chunk',
      consumes: [arrowType],
      bodyHint: 'an Arrow IPC stream with a column for each input, such as spot and strike',
      request: { path: byNumber, body: bytes },
      responses: { 202: jobSchema },
      errors: ['resource_not_found', 'precondition_failed', 'quota_exceeded'],
      handler: async ({ path, body, context }) => ({
        status: 202 as const,
        body: await jobs.add(subjectOf(context), path.id, path.number, body),
      }),
    }),
    defineRoute({
      ...common,
      auth: 'program',
      method: 'POST',
      load: 'pricing',
      path: '/pricing/jobs/{id}/submit',
      summary: 'Declare that there are no more chunks',
      description: 'The job is completed when all chunks are priced.',
      request: { path: byId },
      responses: { 200: jobSchema },
      errors: ['resource_not_found'],
      handler: async ({ path, context }) => ({
        status: 200 as const,
        body: await jobs.submit(subjectOf(context), path.id),
      }),
    }),
    defineRoute({
      ...common,
      method: 'GET',
      load: 'read',
      path: '/pricing/jobs/{id}',
      summary: 'Read the state of a pricing job',
      request: { path: byId, query: resourceQuery(jobSchema) },
      responses: { 200: jobSchema },
      fields: true,
      etag: 'weak',
      errors: ['resource_not_found'],
      handler: async ({ path, context }) => ({
        status: 200 as const,
        body: await jobs.find(subjectOf(context), path.id),
      }),
    }),
    defineRoute({
      ...common,
      method: 'GET',
      load: 'read',
      path: '/pricing/jobs/{id}/chunks/{number}',
      summary: 'Read the priced rows of a chunk, in the order of the input',
      produces: arrowType,
      request: { path: byNumber },
      responses: { 200: unreadBytes },
      etag: 'handler',
      errors: ['resource_not_found', 'quota_exceeded'],
      handler: async ({ path, context }) => ({
        status: 200 as const,
        // The result of a chunk never changes, so that its name is enough.
        headers: { ETag: `"${path.id}-${path.number}"` },
        body: await jobs.result(subjectOf(context), path.id, path.number),
      }),
    }),
    defineRoute({
      ...common,
      auth: 'program',
      method: 'DELETE',
      load: 'write',
      path: '/pricing/jobs/{id}',
      summary: 'Cancel a pricing job and remove its stored data',
      description: 'Nobody can read its results any more. They are removed within about a minute.',
      request: { path: byId },
      responses: { 204: null },
      errors: ['resource_not_found'],
      handler: async ({ path, context }) => {
        await jobs.cancel(subjectOf(context), path.id);
        return { status: 204 as const, body: null };
      },
    }),
  ];
};
