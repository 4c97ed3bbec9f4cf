import { z } from 'zod';
import { boundedText } from '#src/kernel/requests/texts/bounded-text.ts';
import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { bodyStream, type BodyStream } from '#src/kernel/body-stream.ts';
import { noSuchText, type NearestOf } from '#src/kernel/lists/near-names.ts';
import type { AssertCallerHolds } from '#src/kernel/ports/owners.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import { refreshSchema, rowErrorSchema } from '../reads/schemas.ts';
import { refreshFailure } from '../refresh/refresh-failure.ts';
import type { RefreshRecord } from '../refresh/refresh-records.ts';
import type { RefreshService } from '../refresh/refresh-service.ts';
import { endedWithin, waitSecondsOf, whenFree } from '../refresh/wait.ts';
import { universeName } from '../universes/universe-document.ts';
import { createRunPlaces } from '../shared/run-places.ts';
import type { UniverseQueries } from '../universes/universe-queries.ts';
import { maxFutureDays } from './check-row.ts';
import { assertTakesUploads } from './upload-source.ts';
import { uploadFormats } from './stage-upload.ts';
import { onErrors, uploadModes } from './upload.ts';

export type UploadRoutesDeps = {
  /** Must run refreshes in this process, because the file arrives here. */
  readonly uploads: Pick<RefreshService, 'start'>;
  /** Asked right before the commit, which comes up to half an hour after the last byte. */
  readonly assertCallerHolds: AssertCallerHolds;
  readonly universes: Pick<UniverseQueries, 'one'>;
  readonly nearestUniverse: NearestOf;
  readonly abuse: AbuseReport;
  /** Max uploads of this process at once, until their prices are stored: each has a transaction and a lock. */
  readonly maxUploads: number;
  /** Prefix of all paths, for the header `Location`. */
  readonly basePath: string;
};

const uploadRetryAfter = 5;
const scope = 'market:manage';

/** The failure of an upload: the problem also has the refused rows. */
const failureOf = (record: RefreshRecord, headers: Record<string, string>): AppError | undefined => {
  const failure = refreshFailure(record, headers);
  if (failure === undefined || record.errors_total === 0) return failure;
  const { errors, errors_total } = record;
  return new AppError(failure.code, failure.message, {
    headers,
    members: { ...failure.members, errors, errors_total },
  });
};

/** The route below `/universes/{name}` that takes prices. */
export const createUploadRoutes = (deps: UploadRoutesDeps): Route[] => {
  const { uploads, assertCallerHolds, universes, nearestUniverse, abuse, maxUploads, basePath } = deps;
  const places = createRunPlaces({
    abuse,
    max: maxUploads,
    full: 'Other uploads are being read or stored',
    fullForCaller: 'Another upload of this caller is being read or stored',
    retryAfter: uploadRetryAfter,
    fullKind: 'body_backlog',
  });

  const assertUploads = async (name: string): Promise<void> => {
    const universe = await universes.one(name);
    if (!universe) throw new AppError('resource_not_found', await noSuchText('universe', name, nearestUniverse));
    assertTakesUploads(universe.definition.source);
  };

  const reportingAbuse =
    (body: BodyStream, clientIp: string): BodyStream['read'] =>
    async (consume) => {
      try {
        return await body.read(consume);
      } catch (error) {
        if (error instanceof AppError && error.abuse) abuse.refused(error.abuse, clientIp);
        throw error;
      }
    };

  return [
    defineRoute({
      method: 'POST',
      path: '/universes/{name}/prices',
      tag: 'Market data',
      summary:
        'Upload a file of prices. With Prefer: wait=SECONDS the answer is the record of the ended refresh, or its error',
      description: `Stores the prices of a file. A row has the price of a symbol on a day, at most ${maxFutureDays} days in the future. A refused row is in \`errors\` with its line, \`code\` and \`detail\`.`,
      auth: { scope },
      rateLimit: 'caller',
      load: 'write',
      streamBody: true,
      idempotency: true,
      // The answer for a universe that was deleted says nothing about the new one of this name, which has no prices yet.
      idempotentFor: async ({ path: { name } }) => (await universes.one(name))?.created_at ?? '',
      consumes: [...Object.keys(uploadFormats), 'multipart/form-data'],
      bodyHint: 'for example text/csv that begins with the line symbol,date,close',
      request: {
        path: z.strictObject({ name: universeName }),
        query: z.strictObject({
          mode: z
            .enum(uploadModes)
            .default('merge')
            .describe(
              '`merge`: the file is the truth from the first to the last date of each symbol. `replace`: the file is the whole series',
            ),
          on_error: z
            .enum(onErrors)
            .default('fail')
            .describe(
              '`fail`: one refused row refuses the file, which is read up to the 20th refused row. `skip`: the other rows are stored',
            ),
          adjusted: z
            .enum(['true', 'false'])
            .optional()
            .describe(
              '`true`: the prices are in shares of today, and are stored as they were traded. `false`: they are as they were traded. Without it they are taken as traded, and a file whose prices already contain its splits is refused',
            ),
        }),
        headers: z.object({ prefer: boundedText(256).optional() }),
        body: bodyStream,
      },
      responses: { 200: refreshSchema, 202: refreshSchema },
      errors: [
        'resource_not_found',
        'series_source_conflict',
        'refresh_in_progress',
        'upload_refused',
        'external_api_bad_response',
        'shutting_down',
      ],
      problemMembers: z.looseObject({
        refresh: refreshSchema.optional().describe('The refresh of the file, if it has failed'),
        errors: z.array(rowErrorSchema).optional().describe('The first refused rows'),
        errors_total: z
          .int()
          .min(0)
          .optional()
          .describe('Number of refused rows. A file with `on_error=fail` is not read beyond the 20th'),
      }),
      handler: ({ path: { name }, query, headers, body, context }) =>
        places.use(async (holdUntil) => {
          await assertUploads(name);
          const seconds = waitSecondsOf(headers.prefer);
          const accepting = Promise.withResolvers<void>();
          const accepted = (record: RefreshRecord) => ({
            status: 202 as const,
            body: record,
            headers: { Location: `${basePath}/refreshes/${record.id}` },
          });
          let stored: RefreshRecord | undefined;
          const request: Parameters<RefreshService['start']>[0] = {
            universe: name,
            trigger: 'request',
            waited: seconds > 0,
            inRecordTransaction: async (_, running) => void (stored = running),
            // Together with the data and not with the record, because a file that was cut must be sent again.
            inApplyTransaction: async (transaction) => {
              await assertCallerHolds(transaction.query, scope);
              await context.idempotency?.remember(transaction, accepted(stored!));
            },
            // The answer of 202 may be sent already. Its key must not stand for data that were rolled back.
            inFailureTransaction: async (transaction) => context.idempotency?.release(transaction),
            upload: {
              mode: query.mode,
              onError: query.on_error,
              adjusted: query.adjusted === undefined ? undefined : query.adjusted === 'true',
              read: reportingAbuse(body, context.clientIp),
              onAccepted: accepting.resolve,
            },
          };
          // Waits for the short refresh that follows a change of the universe, for example its creation.
          const { record, ended } = await whenFree(() => uploads.start(request));
          holdUntil(ended);
          // The refresh of a refused file ends before the file is accepted. An answer of 202 would keep its key.
          const early = await Promise.race([accepting.promise, ended]);
          const final = early ?? (seconds > 0 ? await endedWithin(ended, seconds, context.signal) : undefined);
          const applied = seconds > 0 ? { 'Preference-Applied': `wait=${seconds}` } : {};
          const failure = final && failureOf(final, applied);
          if (failure) throw failure;
          if (final && seconds > 0) return { status: 200 as const, body: final, headers: applied };
          // The process may die before the data are stored. Then the key must be free for the file that is sent again.
          context.idempotency?.holdUntilEnd(ended);
          const reply = accepted(record);
          return { ...reply, headers: { ...reply.headers, ...applied } };
        }),
    }),
  ];
};
