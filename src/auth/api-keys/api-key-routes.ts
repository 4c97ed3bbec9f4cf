import { z } from 'zod';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Pages } from '#src/kernel/lists/pages.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { mergePatch } from '#src/kernel/requests/conditional/expected-versions.ts';
import { validationFailed } from '#src/kernel/requests/validation-failed.ts';
import { dateParameter, fieldsQuery, listOf, pageQuery } from '#src/kernel/lists/pagination.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import { byId } from '#src/kernel/lists/id-parameter.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import type { ApiKeys, ShownKey } from './api-key.ts';
import type { KeyChanges } from './key-changes.ts';
import {
  createdKey,
  expiryOf,
  isPossibleExpiry,
  keyChanges,
  listedKey,
  rotation,
  shownKey,
  shownListedKey,
  wantedKey,
} from './key-schemas.ts';
import type { Measure } from '../measured.ts';
import { noStore } from '../tokens/token-answer.ts';

export type ApiKeyRoutesDeps = {
  readonly apiKeys: ApiKeys;
  readonly changes: KeyChanges;
  readonly pages: Pages;
  readonly clock: Clock;
  readonly measure: Measure;
};

const created = (key: ShownKey) => ({
  status: 201 as const,
  headers: noStore,
  body: { ...shownKey(key), key: key.key },
});

const own = { tag: 'API keys', auth: 'authenticated', rateLimit: 'recovery' } as const;

const callerOf = ({ principal }: { readonly principal?: Principal }): Principal => {
  if (!principal) throw new AppError('auth_service_error');
  return principal;
};

/** The routes under `/api-keys`. */
export const apiKeyRoutes = ({ apiKeys, changes, pages, clock, measure }: ApiKeyRoutesDeps): Route[] => [
  defineRoute({
    ...own,
    auth: 'account',
    method: 'POST',
    load: 'write',
    path: '/api-keys',
    summary: 'Create an API key. Only this answer shows the key',
    request: { body: wantedKey },
    responses: { 201: createdKey },
    errors: ['quota_exceeded'],
    handler: async ({ body: { name, scopes, ...expiry }, context }) => {
      const now = clock.now();
      const endOf = (createdAt: Date): Date | null => expiryOf(expiry, createdAt);
      const expiresAt = endOf(now);
      if (expiresAt && !isPossibleExpiry(expiresAt, now)) {
        const detail = 'expires_at must be in the future and at most ten years from now';
        throw validationFailed([{ pointer: '/expires_at', code: 'invalid_value', detail }]);
      }
      const caller = callerOf(context);
      return created(await measure('create_api_key', () => apiKeys.create(caller, { name, scopes, endOf })));
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
        fields: fieldsQuery(listedKey),
      }),
    },
    responses: { 200: listOf(listedKey) },
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
      return { status: 200 as const, body: { data: data.map(shownListedKey), page } };
    },
  }),
  defineRoute({
    ...own,
    auth: 'account',
    method: 'PATCH',
    load: 'write',
    path: '/api-keys/{id}',
    summary: 'Change an API key',
    description: 'Renames the key, or takes scopes from it.',
    request: { path: byId, body: keyChanges },
    consumes: mergePatch,
    responses: { 200: listedKey },
    errors: ['resource_not_found'],
    handler: async ({ path, body, context }) => ({
      status: 200 as const,
      body: shownListedKey(await measure('change_api_key', () => changes.change(callerOf(context), path.id, body))),
    }),
  }),
  defineRoute({
    ...own,
    auth: 'account',
    method: 'POST',
    load: 'write',
    path: '/api-keys/{id}/rotate',
    summary: 'Rotate an API key',
    description: 'Creates a key like this one, which ends after an overlap. Only this answer shows the new key.',
    request: { path: byId, query: rotation },
    responses: { 201: createdKey },
    errors: ['resource_not_found'],
    handler: async ({ path, query, context }) =>
      created(await measure('rotate_api_key', () => changes.rotate(callerOf(context), path.id, query.overlap_hours))),
  }),
  defineRoute({
    ...own,
    auth: 'account',
    method: 'DELETE',
    load: 'write',
    path: '/api-keys/{id}',
    summary: 'Revoke an API key',
    request: { path: byId },
    responses: { 204: null },
    errors: ['resource_not_found'],
    handler: async ({ path, context }) => {
      await measure('revoke_api_key', () => apiKeys.revoke(callerOf(context), path.id));
      return { status: 204 as const, body: null };
    },
  }),
];
