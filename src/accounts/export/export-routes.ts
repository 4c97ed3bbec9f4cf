import { z } from 'zod';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import { createAccountExport, type AccountExportDeps } from './account-export.ts';

const exportAnswer = z.strictObject({
  user_id: z.uuid(),
  exported_at: z.iso.datetime(),
  truncated: z.array(z.string()),
  data: z.record(z.string(), z.array(z.record(z.string(), z.unknown()))),
});

/** The route `GET /account/export`. */
export const createExportRoutes = (deps: AccountExportDeps): Route[] => {
  const exportAccount = createAccountExport(deps);
  return [
    defineRoute({
      method: 'GET',
      load: 'read',
      path: '/account/export',
      tag: 'Account',
      summary: 'Everything that the service holds about the caller, as one document',
      auth: 'authenticated',
      rateLimit: 'caller',
      request: {},
      responses: { 200: exportAnswer },
      errors: ['resource_not_found'],
      handler: async ({ context: { principal } }) => {
        if (principal?.kind !== 'user') throw new AppError('resource_not_found', 'Only users have an account');
        const { truncated, data, ...document } = await exportAccount(principal.subject);
        // Instants become texts, so that the answer is what its schema says.
        const rows = JSON.parse(JSON.stringify(data)) as Record<string, Record<string, unknown>[]>;
        const headers = {
          'Cache-Control': 'no-store',
          'Content-Disposition': 'attachment; filename="account.json"',
        };
        return { status: 200 as const, headers, body: { ...document, truncated: [...truncated], data: rows } };
      },
    }),
  ];
};
