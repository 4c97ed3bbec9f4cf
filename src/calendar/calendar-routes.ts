import { z } from 'zod';
import { boundedText } from '#src/kernel/requests/texts/bounded-text.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { createPages, type PageRequest } from '#src/kernel/lists/pages.ts';
import { listOf, resourceQuery, type Cursors } from '#src/kernel/lists/pagination.ts';
import type { Owner } from '#src/kernel/ports/owners.ts';
import { noSuchText, type NearestOf } from '#src/kernel/lists/near-names.ts';
import { nameParameter } from '#src/kernel/lists/name-parameter.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import type { RequestContext } from '#src/kernel/requests/request-context.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import type { Connections } from './connections.ts';
import { consentMinutes, type Consents } from './consents.ts';
import { positionOf, type Events } from './events.ts';
import { browserSecretIn, consentCookie, endedConsentCookie, redirectUrlFrom } from './return-address.ts';
import {
  callbackQuery,
  connectionSchema,
  eventSchema,
  eventsQuery,
  shownConnection,
  shownEvent,
  syncSchema,
} from './schemas.ts';
import type { Sync } from './sync/sync.ts';

export type CalendarParts = {
  readonly consents: Consents;
  readonly connections: Connections;
  readonly sync: Pick<Sync, 'run'>;
  readonly events: Events;
};

export type CalendarRoutesDeps = {
  /** Undefined: Google is not configured, so each route answers `calendar_not_configured`. */
  readonly parts: CalendarParts | undefined;
  readonly cursors: Cursors;
  readonly nextSyncAt: () => Date;
  /** Whether prices of an asset with this symbol can be asked for. */
  readonly isAsset: (symbol: string) => Promise<boolean>;
  /** The nearest known symbol, for refusals of unknown ones. */
  readonly nearestAsset: NearestOf;
  /** The URL of the callback, if it is configured. */
  readonly redirectUrl: string | undefined;
  /** Path of the callback, with the base path. */
  readonly callbackPath: string;
  readonly production: boolean;
};

const common = { tag: 'Calendar', auth: 'authenticated', rateLimit: 'caller' } as const;
const always = ['calendar_not_configured', 'scope_insufficient'] as const;
/** For changes: the other code follows from their policy. */
const ofChanges = ['calendar_not_configured'] as const;
const external = [
  'external_api_bad_response',
  'external_api_unavailable',
  'external_api_timeout',
  'calendar_token_unreadable',
] as const;

const callerOf = ({ principal }: RequestContext): Principal => {
  if (!principal) throw new AppError('auth_service_error');
  return principal;
};

/** A calendar holds personal data, and a leaked API key must not reach it. */
const ownerOf = (context: RequestContext): Owner => {
  const principal = callerOf(context);
  if (principal.kind === 'api_key') throw new AppError('scope_insufficient', 'An API key cannot use a calendar');
  return { kind: principal.kind, id: principal.subject };
};

/** The routes under `/calendar`, and the events of an asset. */
export const createCalendarRoutes = (deps: CalendarRoutesDeps): Route[] => {
  const { cursors, nextSyncAt, isAsset, nearestAsset } = deps;
  const pages = createPages({ cursors });
  const configured = (): CalendarParts => {
    if (!deps.parts) throw new AppError('calendar_not_configured', 'GOOGLE_CLIENT_ID is not set on this service');
    return deps.parts;
  };

  return [
    defineRoute({
      ...common,
      auth: 'account',
      rateLimit: 'calendar',
      method: 'GET',
      storesOnGet: true,
      load: 'write',
      path: '/calendar/connect',
      summary: 'Go to the consent page of Google',
      request: { headers: z.object({ host: boundedText(255).optional() }) },
      responses: { 302: null },
      errors: ofChanges,
      handler: async ({ headers, context }) => {
        const owner = ownerOf(context);
        const { consents } = configured();
        const { url, browserSecret } = await consents.begin(owner, {
          caller: callerOf(context),
          redirectUrl: deps.redirectUrl ?? redirectUrlFrom(headers.host, deps),
        });
        return {
          status: 302 as const,
          headers: { Location: url, 'Set-Cookie': consentCookie(browserSecret, consentMinutes * 60) },
          body: null,
        };
      },
    }),
    defineRoute({
      ...common,
      auth: 'optional',
      method: 'GET',
      load: 'write',
      path: '/calendar/callback',
      summary: 'Where Google sends the browser after the consent',
      request: { query: callbackQuery, headers: z.object({ cookie: z.string().optional() }) },
      responses: { 200: connectionSchema },
      errors: [
        ...always,
        ...external,
        'calendar_state_invalid',
        'calendar_consent_denied',
        'calendar_code_invalid',
        'quota_exceeded',
      ],
      handler: async ({ query, headers, context }) => {
        const { consents, connections } = configured();
        const returning = {
          caller: context.principal,
          owner: context.principal && ownerOf(context),
          browserSecret: browserSecretIn(headers.cookie),
        };
        const { state, code, error } = query;
        const owner = await consents.finish({ state, code, error }, returning, context.signal);
        return {
          status: 200 as const,
          headers: { 'Set-Cookie': endedConsentCookie, 'Cache-Control': 'no-store' },
          body: shownConnection(await connections.find(owner)),
        };
      },
    }),
    defineRoute({
      ...common,
      method: 'GET',
      load: 'read',
      path: '/calendar/connection',
      summary: 'Whether a calendar is connected',
      request: { query: resourceQuery(connectionSchema) },
      responses: { 200: connectionSchema },
      fields: true,
      etag: 'weak',
      errors: always,
      handler: async ({ context }) => {
        const owner = ownerOf(context);
        return { status: 200 as const, body: shownConnection(await configured().connections.find(owner)) };
      },
    }),
    defineRoute({
      ...common,
      auth: 'account',
      method: 'DELETE',
      load: 'write',
      path: '/calendar/connection',
      summary: 'Disconnect the calendar: remove its tokens and events, and revoke the consent at Google',
      request: {},
      responses: { 204: null },
      errors: [...ofChanges, 'calendar_token_unreadable'],
      handler: async ({ context }) => {
        const owner = ownerOf(context);
        await configured().connections.disconnect(owner, context.signal);
        return { status: 204 as const, body: null };
      },
    }),
    defineRoute({
      ...common,
      auth: 'program',
      rateLimit: 'calendar',
      method: 'POST',
      load: 'write',
      path: '/calendar/sync/auto',
      summary: 'Sync the calendar now: all changes are stored, or none',
      request: {},
      responses: { 200: syncSchema },
      idempotency: true,
      errors: [
        ...always,
        ...external,
        'calendar_not_connected',
        'calendar_reauthorization_required',
        'calendar_sync_in_progress',
        'shutting_down',
      ],
      handler: async ({ context }) => {
        const owner = ownerOf(context);
        const result = await configured().sync.run(owner, 'request', context.signal);
        return { status: 200 as const, body: { ...result, next_sync_at: nextSyncAt().toISOString() } };
      },
    }),
    defineRoute({
      ...common,
      method: 'GET',
      load: 'read',
      path: '/calendar/events',
      summary: 'The synced events that take place on the given days, by start',
      request: { query: eventsQuery },
      responses: { 200: listOf(eventSchema) },
      fields: true,
      etag: 'weak',
      errors: [...always, 'calendar_not_connected'],
      handler: async ({ query, context }) => {
        const owner = ownerOf(context);
        const { events } = configured();
        const list = { list: 'calendar_events', owner: `${owner.kind}:${owner.id}` };
        const load = (each: PageRequest) => events.list(owner, each);
        const { data, page } = await pages.answer(list, query, load, positionOf);
        return { status: 200 as const, body: { data: data.map(shownEvent), page } };
      },
    }),
    defineRoute({
      ...common,
      method: 'GET',
      load: 'read',
      ownPlaces: true,
      path: '/assets/{symbol}/events',
      summary: 'The synced events of the caller that name the asset, by start',
      description:
        'An event names the asset if its `summary` has the symbol as a word of its own, in the same case: `AAPL earnings`, `NASDAQ:AAPL`, `(AAPL)`.',
      request: { path: z.strictObject({ symbol: nameParameter }), query: eventsQuery },
      responses: { 200: listOf(eventSchema) },
      fields: true,
      etag: 'weak',
      errors: [...always, 'calendar_not_connected', 'resource_not_found'],
      handler: async ({ path: { symbol }, query, context }) => {
        const owner = ownerOf(context);
        const { events } = configured();
        if (!(await isAsset(symbol))) {
          throw new AppError('resource_not_found', await noSuchText('asset', symbol, nearestAsset));
        }
        const list = { list: 'asset_events', owner: `${owner.kind}:${owner.id}`, symbol };
        const load = (each: PageRequest) => events.list(owner, each, symbol);
        const { data, page } = await pages.answer(list, query, load, positionOf);
        return { status: 200 as const, body: { data: data.map(shownEvent), page } };
      },
    }),
  ];
};
