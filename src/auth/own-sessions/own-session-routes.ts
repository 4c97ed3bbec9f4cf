import { z } from 'zod';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Pages } from '#src/kernel/lists/pages.ts';
import { fieldsQuery, listOf, pageQuery } from '#src/kernel/lists/pagination.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import { byId } from '#src/kernel/lists/id-parameter.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import type { Measure } from '../measured.ts';
import { sessionKinds, type OwnSession, type OwnSessions } from './own-session.ts';

export type OwnSessionRoutesDeps = {
  readonly sessions: OwnSessions;
  readonly pages: Pages;
  readonly measure: Measure;
};

const instant = z.iso.datetime();

const sessionSchema = z
  .strictObject({
    id: z.uuid(),
    kind: z.enum(sessionKinds).describe('session: a cookie session; tokens: a sign-in with access and refresh tokens'),
    agent: z.string().nullable().describe('Program and system, for example "Firefox on Linux"; null if unknown'),
    this_network: z.boolean().nullable().describe('Whether the sign-in came from the network of this request'),
    current: z.boolean().describe('Whether it is the sign-in of this request'),
    created_at: instant,
    last_used_at: instant.describe('For tokens the last refresh; for a session accurate to AUTH_USAGE_FLUSH_MS'),
    expires_at: instant,
  })
  .meta({ id: 'SignIn', description: 'A sign-in that has not ended' });

const shown = (session: OwnSession): z.input<typeof sessionSchema> => ({
  id: session.id,
  kind: session.kind,
  agent: session.agent,
  this_network: session.thisNetwork,
  current: session.current,
  created_at: session.createdAt.toISOString(),
  last_used_at: session.lastUsedAt.toISOString(),
  expires_at: session.expiresAt.toISOString(),
});

const own = { tag: 'Account', auth: 'authenticated', rateLimit: 'recovery' } as const;

const callerOf = ({ principal }: { readonly principal?: Principal }): Principal => {
  if (!principal) throw new AppError('auth_service_error');
  return principal;
};

/** The routes under `/account/sessions`. */
export const ownSessionRoutes = ({ sessions, pages, measure }: OwnSessionRoutesDeps): Route[] => [
  defineRoute({
    ...own,
    method: 'GET',
    load: 'read',
    path: '/account/sessions',
    summary: 'The own sign-ins',
    description: 'The sign-ins of the caller that have not ended, oldest first.',
    request: { query: z.strictObject({ ...pageQuery, fields: fieldsQuery(sessionSchema) }) },
    responses: { 200: listOf(sessionSchema) },
    fields: true,
    etag: 'weak',
    errors: ['resource_not_found'],
    handler: async ({ query, context }) => {
      const caller = callerOf(context);
      const { data, page } = await pages.answer(
        { list: 'sessions', owner: caller.subject },
        query,
        (each) => measure('sessions', () => sessions.list(caller, context.clientIp, each)),
        ({ id }) => id,
      );
      return { status: 200 as const, body: { data: data.map(shown), page } };
    },
  }),
  defineRoute({
    ...own,
    auth: 'account',
    method: 'DELETE',
    load: 'write',
    path: '/account/sessions',
    summary: 'End all own sign-ins',
    description: 'Ends all sign-ins of the caller with their tokens. API keys stay.',
    request: { query: z.strictObject({ keep_current: z.enum(['true', 'false']).default('false') }) },
    responses: { 204: null },
    errors: ['resource_not_found'],
    handler: async ({ query, context }) => {
      const keepCurrent = query.keep_current === 'true';
      await measure('sessions', () => sessions.endAll(callerOf(context), { keepCurrent }));
      return { status: 204 as const, body: null };
    },
  }),
  defineRoute({
    ...own,
    auth: 'account',
    method: 'DELETE',
    load: 'write',
    path: '/account/sessions/{id}',
    summary: 'End one own sign-in',
    description: 'Ends a sign-in of the caller with its tokens.',
    request: { path: byId },
    responses: { 204: null },
    errors: ['resource_not_found'],
    handler: async ({ path, context }) => {
      await measure('sessions', () => sessions.end(callerOf(context), path.id));
      return { status: 204 as const, body: null };
    },
  }),
];
