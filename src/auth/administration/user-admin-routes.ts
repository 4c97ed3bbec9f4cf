import { z } from 'zod';
import { boundedText } from '#src/kernel/requests/texts/bounded-text.ts';
import type { Pages } from '#src/kernel/lists/pages.ts';
import { dateParameter, fieldsQuery, listOf, pageQuery } from '#src/kernel/lists/pagination.ts';
import {
  assertVersion,
  expectedVersions,
  ifMatch,
  mergePatch,
} from '#src/kernel/requests/conditional/expected-versions.ts';
import { scopes } from '#src/kernel/requests/principal.ts';
import type { Roles } from '#src/kernel/ports/roles.ts';
import { byId } from '#src/kernel/lists/id-parameter.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import type { Measure } from '../measured.ts';
import type { UserAdmin } from './user-admin.ts';
import type { ManagedUser } from './user-queries.ts';

export type UserAdminRoutesDeps = {
  readonly users: UserAdmin;
  readonly pages: Pages;
  readonly roles: Roles;
  readonly measure: Measure;
};

const instant = z.iso.datetime();
const scopeList = z.array(z.enum(scopes)).max(scopes.length);

const userSchema = z
  .strictObject({
    id: z.uuid(),
    email: z.string(),
    role: z.string().describe('A role of the setting ROLES. An unknown role has no scopes'),
    scopes: z.array(z.enum(scopes)).describe('Scopes of the account, beside those of the role'),
    held_scopes: z.array(z.enum(scopes)).describe('All scopes that the user holds now; none while disabled'),
    disabled: z.boolean(),
    second_factor: z.boolean(),
    email_verified: z.boolean().describe('The owner proved that messages to the address arrive'),
    contested: z.boolean().describe('Several people registered the address, and nobody has proved to own it'),
    version: z.int().min(0).describe('The version for If-Match'),
    created_at: instant,
    first_signed_in_at: instant.nullable(),
  })
  .meta({ id: 'ManagedUser', description: 'A user as an administrator sees it' });

const shown = (user: ManagedUser): z.input<typeof userSchema> => ({
  id: user.id,
  email: user.email,
  role: user.role,
  scopes: [...user.scopes],
  held_scopes: [...user.heldScopes],
  disabled: user.disabled,
  second_factor: user.secondFactor,
  email_verified: user.verified,
  contested: user.contested,
  version: user.version,
  created_at: user.createdAt.toISOString(),
  first_signed_in_at: user.firstSignedInAt?.toISOString() ?? null,
});

const querySchema = z.strictObject({
  ...pageQuery,
  from: dateParameter.optional(),
  to: dateParameter.optional(),
  role: boundedText(100).min(1).optional(),
  disabled: z.enum(['true', 'false']).optional(),
  fields: fieldsQuery(userSchema),
});

const admin = { tag: 'Users', auth: { scope: 'users:admin' }, rateLimit: 'caller' } as const;

/** The routes under `/users`, for administrators. */
export const userAdminRoutes = ({ users, pages, roles, measure }: UserAdminRoutesDeps): Route[] => {
  const answer = (user: ManagedUser) => ({
    status: 200 as const,
    headers: { ETag: `"${user.version}"`, 'Cache-Control': 'private, no-cache' },
    body: shown(user),
  });
  const changes = z
    .strictObject({
      role: z.enum([...roles.keys()]),
      scopes: scopeList.describe('Replaces the scopes of the account; those of the role stay'),
      disabled: z.boolean().describe('true also ends all credentials and webhooks of the user'),
    })
    .partial()
    .meta({ id: 'UserChanges' });

  return [
    defineRoute({
      ...admin,
      method: 'GET',
      load: 'read',
      path: '/users',
      summary: 'All users',
      description: 'Role, scopes and state of each user, oldest first.',
      scansBy: ['from', 'to', 'role', 'disabled'],
      request: { query: querySchema },
      responses: { 200: listOf(userSchema) },
      fields: true,
      etag: 'weak',
      errors: [],
      handler: async ({ query }) => {
        const { role, disabled } = query;
        const filters = { role, disabled: disabled === undefined ? undefined : disabled === 'true' };
        const { data, page } = await pages.answer(
          { list: 'users', role: role ?? '', disabled: disabled ?? '' },
          query,
          (each) => measure('user_admin', () => users.list(filters, each)),
          ({ id }) => id,
        );
        return { status: 200 as const, body: { data: data.map(shown), page } };
      },
    }),
    defineRoute({
      ...admin,
      method: 'GET',
      load: 'read',
      path: '/users/{id}',
      summary: 'One user',
      description: 'The `ETag` is the version for `If-Match`.',
      request: { path: byId, query: z.strictObject({ fields: fieldsQuery(userSchema) }) },
      responses: { 200: userSchema },
      fields: true,
      etag: 'version',
      errors: ['resource_not_found'],
      handler: async ({ path }) => answer(await measure('user_admin', () => users.find(path.id))),
    }),
    defineRoute({
      ...admin,
      method: 'PATCH',
      load: 'write',
      path: '/users/{id}',
      summary: 'Change role, scopes or state of a user',
      description: 'Changes the given members if the stored version is the version in `If-Match`.',
      request: { path: byId, headers: ifMatch, body: changes },
      consumes: mergePatch,
      responses: { 200: userSchema },
      errors: [
        'email_not_verified',
        'resource_not_found',
        'precondition_required',
        'precondition_failed',
        'last_administrator',
        'quota_exceeded',
      ],
      checkHead: ({ headers }) => void expectedVersions(headers['if-match']),
      handler: async ({ path, headers, body }) => {
        const versions = expectedVersions(headers['if-match']);
        const decide = (user: ManagedUser): typeof body => {
          assertVersion(versions, user.version);
          return body;
        };
        return answer(await measure('user_admin', () => users.change(path.id, decide, undefined)));
      },
    }),
    defineRoute({
      ...admin,
      method: 'POST',
      load: 'write',
      path: '/users/{id}/sessions/revoke',
      summary: 'End the sign-ins of a user',
      description: 'Ends all sessions, refresh tokens and access tokens. API keys stay.',
      request: { path: byId },
      responses: { 200: z.strictObject({ sessions: z.int(), refresh_families: z.int() }).meta({ id: 'EndedSignIns' }) },
      errors: ['resource_not_found'],
      handler: async ({ path }) => ({
        status: 200 as const,
        body: await measure('user_admin', () => users.endSessions(path.id, undefined)),
      }),
    }),
  ];
};
