import { z } from 'zod';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Pages } from '#src/kernel/lists/pages.ts';
import { dateParameter, fieldsQuery, listOf, pageQuery } from '#src/kernel/lists/pagination.ts';
import { scopes, type Principal } from '#src/kernel/requests/principal.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import type { ApiKey, ApiKeys } from './api-key.ts';
import type { Measure } from '../measured.ts';
import { noStore } from '../tokens/token-answer.ts';
import { singleLine } from '#src/kernel/single-line.ts';

export type ApiKeyRoutesDeps = { readonly apiKeys: ApiKeys; readonly pages: Pages; readonly measure: Measure };

const instant = z.iso.datetime();

const created = z
  .strictObject({
    id: z.uuid(),
    name: z.string(),
    key: z.string(),
    prefix: z.string(),
    scopes: z.array(z.enum(scopes)),
    created_at: instant,
    expires_at: instant.nullable(),
  })
  .meta({ id: 'CreatedApiKey', description: 'The key is shown once' });
const listed = created.omit({ key: true }).extend({ last_used_at: instant.nullable() }).meta({ id: 'ApiKey' });

/** Ten years. */
const maxDays = 3_650;

const wanted = z
  .strictObject({
    name: z.string().trim().min(1).max(100).regex(singleLine),
    scopes: z.array(z.enum(scopes)).max(scopes.length),
    expires_in_days: z.int().min(1).max(maxDays).optional(),
  })
  .meta({ id: 'ApiKeyRequest' });

const own = { tag: 'API keys', auth: 'authenticated', rateLimit: 'caller' } as const;

const callerOf = ({ principal }: { readonly principal?: Principal }): Principal => {
  if (!principal) throw new AppError('auth_service_error');
  return principal;
};

const shown = (key: ApiKey) => ({
  id: key.id,
  name: key.name,
  prefix: key.prefix,
  scopes: [...key.scopes],
  created_at: key.created_at.toISOString(),
  expires_at: key.expires_at?.toISOString() ?? null,
});

/** The routes `GET /api-keys`, `POST /api-keys` and `DELETE /api-keys/{id}`. */
export const apiKeyRoutes = ({ apiKeys, pages, measure }: ApiKeyRoutesDeps): Route[] => [
  defineRoute({
    ...own,
    method: 'POST',
    load: 'write',
    path: '/api-keys',
    summary: 'Create an API key. Only this answer shows the key',
    request: { body: wanted },
    responses: { 201: created },
    errors: ['scope_insufficient', 'quota_exceeded'],
    handler: async ({ body: { name, scopes, expires_in_days: expiresInDays }, context }) => {
      const caller = callerOf(context);
      const key = await measure('create_api_key', () => apiKeys.create(caller, { name, scopes, expiresInDays }));
      return {
        status: 201 as const,
        headers: noStore,
        body: { ...shown(key), key: key.key },
      };
    },
  }),
  defineRoute({
    ...own,
    method: 'GET',
    load: 'read',
    path: '/api-keys',
    summary: 'The API keys of the caller, oldest first',
    request: {
      query: z.strictObject({
        ...pageQuery,
        from: dateParameter.optional(),
        to: dateParameter.optional(),
        fields: fieldsQuery(listed),
      }),
    },
    responses: { 200: listOf(listed) },
    fields: true,
    etag: 'weak',
    errors: ['scope_insufficient'],
    handler: async ({ query, context }) => {
      const caller = callerOf(context);
      const { data, page } = await pages.answer(
        { list: 'api_keys', owner: caller.subject },
        query,
        (each) => measure('list_api_keys', () => apiKeys.list(caller, each)),
        ({ id }) => id,
      );
      const keys = data.map((key) => ({ ...shown(key), last_used_at: key.last_used_at?.toISOString() ?? null }));
      return { status: 200 as const, body: { data: keys, page } };
    },
  }),
  defineRoute({
    ...own,
    method: 'DELETE',
    load: 'write',
    path: '/api-keys/{id}',
    summary: 'Revoke an API key',
    request: { path: z.strictObject({ id: z.uuid() }) },
    responses: { 204: null },
    errors: ['resource_not_found', 'scope_insufficient'],
    handler: async ({ path, context }) => {
      await measure('revoke_api_key', () => apiKeys.revoke(callerOf(context), path.id));
      return { status: 204 as const, body: null };
    },
  }),
];
