import { z } from 'zod';
import { AppError } from '#src/kernel/errors.ts';
import { fieldsQuery, listOf, pageQuery, type Cursors } from '#src/kernel/pagination.ts';
import { scopes, type Principal } from '#src/kernel/principal.ts';
import { defineRoute, type Route } from '#src/kernel/route.ts';
import type { ApiKey, ApiKeys } from './api-keys.ts';
import { noStore } from './token-answer.ts';

export type ApiKeyRoutesDeps = { readonly apiKeys: ApiKeys; readonly cursors: Cursors };

const instant = z.iso.datetime();

const created = z.strictObject({
  id: z.uuid(),
  name: z.string(),
  key: z.string(),
  prefix: z.string(),
  scopes: z.array(z.enum(scopes)),
  created_at: instant,
  expires_at: instant.nullable(),
});
const listed = created.omit({ key: true }).extend({ last_used_at: instant.nullable() });

/** Ten years. */
const mostDays = 3_650;

const wanted = z.strictObject({
  name: z
    .string()
    .trim()
    .min(1)
    .max(100)
    .regex(/^\P{Cc}*$/u),
  scopes: z.array(z.enum(scopes)).max(scopes.length),
  expires_in_days: z.int().min(1).max(mostDays).optional(),
});

const own = { tag: 'API keys', auth: 'authenticated', rateLimit: 'user' } as const;

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

const foreignCursor = (): AppError =>
  new AppError('validation_failed', undefined, {
    errors: [{ pointer: 'query.cursor', code: 'invalid_value', detail: 'Is a cursor of another query' }],
  });

/** `GET/POST /api-keys`, `DELETE /api-keys/{id}`. */
export const apiKeyRoutes = ({ apiKeys, cursors }: ApiKeyRoutesDeps): Route[] => [
  defineRoute({
    ...own,
    method: 'POST',
    path: '/api-keys',
    summary: 'Make an API key; it is shown in this answer and never again',
    request: { body: wanted },
    responses: { 201: created },
    errors: ['scope_insufficient', 'csrf_token_invalid'],
    handler: async ({ body: { name, scopes, expires_in_days: expiresInDays }, context }) => {
      const key = await apiKeys.create(callerOf(context), { name, scopes, expiresInDays });
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
    path: '/api-keys',
    summary: "The caller's keys, oldest first",
    request: {
      query: z.strictObject({
        ...pageQuery,
        from: z.iso.date().optional(),
        to: z.iso.date().optional(),
        fields: fieldsQuery(listed),
      }),
    },
    responses: { 200: listOf(listed) },
    fields: true,
    etag: 'weak',
    errors: ['scope_insufficient'],
    handler: async ({ query: { limit, cursor, from = null, to = null }, context }) => {
      const caller = callerOf(context);
      const bounds = { list: 'api_keys', owner: caller.subject, from, to };
      let after: string | null = null;
      if (cursor !== undefined) {
        const position = cursors.decode(cursor);
        if (Object.entries(bounds).some(([name, value]) => position[name] !== value)) throw foreignCursor();
        after = String(position['after']);
      }
      const rows = await apiKeys.list(caller, { after, from, to, limit: limit + 1 });
      const data = rows.slice(0, limit);
      const last = data.at(-1);
      return {
        status: 200 as const,
        body: {
          data: data.map((key) => ({ ...shown(key), last_used_at: key.last_used_at?.toISOString() ?? null })),
          page: {
            next_cursor: rows.length > limit && last ? cursors.encode({ ...bounds, after: last.id }) : null,
            limit,
          },
        },
      };
    },
  }),
  defineRoute({
    ...own,
    method: 'DELETE',
    path: '/api-keys/{id}',
    summary: 'End an API key at once',
    request: { path: z.strictObject({ id: z.uuid() }) },
    responses: { 204: null },
    errors: ['resource_not_found', 'scope_insufficient', 'csrf_token_invalid'],
    handler: async ({ path, context }) => {
      await apiKeys.revoke(callerOf(context), path.id);
      return { status: 204 as const, body: null };
    },
  }),
];
