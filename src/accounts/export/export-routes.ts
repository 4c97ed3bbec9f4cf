import type { Readable } from 'node:stream';
import { z } from 'zod';
import { AnswerPieces } from '#src/kernel/answer-pieces.ts';
import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { createBoundedWork } from '#src/kernel/requests/callers/bounded-work.ts';
import { holdingPlace } from '#src/kernel/requests/callers/holding-place.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import { createAccountExport, type AccountExportDeps } from './account-export.ts';

const exportDocument = z.strictObject({
  user_id: z.uuid(),
  exported_at: z.iso.datetime(),
  truncated: z
    .array(z.string())
    .describe('Tables with more rows or bytes than the max. Their first rows are in `data`'),
  data: z.record(z.string(), z.array(z.record(z.string(), z.unknown()))),
});
const exportAnswer = z.custom<Readable>().meta({ id: 'AccountExport', ...z.toJSONSchema(exportDocument) });

/** Max exports of one process at once, because each keeps its document in memory until it is complete. */
const maxAtOnce = 2;
/** Accounts that wait take turns, so two of them cannot keep the others away. */
const maxWaiting = 64;
const retryAfter = 5;

/** The route `GET /account/export`. */
export const createExportRoutes = (
  deps: AccountExportDeps & { readonly abuse: AbuseReport; readonly metrics: Metrics },
): Route[] => {
  const exportAccount = createAccountExport(deps);
  const work = createBoundedWork({
    work: 'account_export',
    metrics: deps.metrics,
    concurrency: maxAtOnce,
    queue: maxWaiting,
    detail: 'Other exports are being made',
    retryAfter,
  });
  /** Accounts with an export that is made or waits. */
  const open = new Set<string>();

  /** @throws AppError `rate_limit_exceeded` */
  const assertNone = (userId: string, clientIp: string): void => {
    if (!open.has(userId)) return;
    deps.abuse.refused('answer_backlog', clientIp);
    throw new AppError('rate_limit_exceeded', 'Another export of this account is being made', { retryAfter });
  };

  return [
    defineRoute({
      method: 'GET',
      storesOnGet: true,
      load: 'read',
      path: '/account/export',
      tag: 'Account',
      summary: 'Everything that the service holds about the caller, as one document',
      auth: 'account',
      rateLimit: 'caller',
      request: {},
      responses: { 200: exportAnswer },
      errors: ['resource_not_found'],
      handler: async ({ context }) => {
        const { principal, clientIp } = context;
        if (principal?.kind !== 'user') throw new AppError('resource_not_found', 'Only users have an account');
        const userId = principal.subject;
        assertNone(userId, clientIp);
        open.add(userId);
        try {
          const make = async () => {
            // An export can wait for many others.
            await context.assertCaller?.();
            return exportAccount(userId);
          };
          const document = await work.run(() => holdingPlace(make));
          const body = new AnswerPieces(document);
          const headers = {
            'Content-Type': 'application/json; charset=utf-8',
            'Content-Length': String(body.byteLength),
            'Cache-Control': 'no-store',
            'Content-Disposition': 'attachment; filename="account.json"',
          };
          return { status: 200 as const, headers, body };
        } finally {
          open.delete(userId);
        }
      },
    }),
  ];
};
