import { z } from 'zod';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { listOf, resourceQuery, type Cursors } from '#src/kernel/lists/pagination.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import { byId } from '#src/kernel/lists/id-parameter.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import {
  deliverySchema,
  listQuery,
  shown,
  shownDelivery,
  wantedWebhook,
  webhookSchema,
  withSecret,
} from './schemas.ts';
import type { ReceiverRules } from './receiver-url.ts';
import type { Webhooks } from './webhook.ts';
import { webhookScope } from '#src/kernel/ports/webhooks.ts';
import { createPages, type PageRequest } from '#src/kernel/lists/pages.ts';

export type WebhookRoutesDeps = ReceiverRules & {
  readonly webhooks: Webhooks;
  readonly cursors: Cursors;
  /** Prefix of each path, for `Location`. */
  readonly basePath: string;
};

const own = { tag: 'Webhooks', auth: 'authenticated', rateLimit: 'caller' } as const;
/** Headers of answers that hold a secret. */
const noStore = { 'Cache-Control': 'no-store', Pragma: 'no-cache' } as const;
const refusals = ['resource_not_found', 'scope_insufficient'] as const;

const callerOf = ({ principal }: { readonly principal?: Principal }): Principal => {
  if (!principal) throw new AppError('auth_service_error');
  return principal;
};

/** The routes under `/webhooks`: webhooks of the caller and their deliveries. */
export const createWebhookRoutes = (deps: WebhookRoutesDeps): Route[] => {
  const { webhooks, cursors, basePath } = deps;

  const wanted = wantedWebhook(deps);

  const pages = createPages({ cursors });

  return [
    defineRoute({
      ...own,
      // Deliveries hold data that needs this scope.
      auth: { scope: webhookScope, account: true },
      method: 'POST',
      load: 'write',
      path: '/webhooks',
      summary: 'Register a webhook. Only this answer shows the secret',
      request: { body: wanted },
      responses: { 201: withSecret },
      errors: [],
      handler: async ({ body, context }) => {
        const { secret, ...webhook } = await webhooks.register(callerOf(context), body);
        return {
          status: 201 as const,
          headers: { ...noStore, Location: `${basePath}/webhooks/${webhook.id}` },
          body: { ...shown(webhook), secret },
        };
      },
    }),
    defineRoute({
      ...own,
      method: 'GET',
      load: 'read',
      path: '/webhooks',
      summary: 'The webhooks of the caller, oldest first',
      request: { query: listQuery(webhookSchema) },
      responses: { 200: listOf(webhookSchema) },
      fields: true,
      etag: 'weak',
      errors: ['scope_insufficient', 'quota_exceeded'],
      handler: async ({ query, context }) => {
        const caller = callerOf(context);
        const list = { list: 'webhooks', owner: caller.subject };
        const load = (each: PageRequest) => webhooks.list(caller, each);
        const { data, page } = await pages.answer(list, query, load, ({ id }) => id);
        return { status: 200 as const, body: { data: data.map(shown), page } };
      },
    }),
    defineRoute({
      ...own,
      method: 'GET',
      load: 'read',
      path: '/webhooks/{id}',
      summary: 'One webhook, and whether it is disabled',
      request: { path: byId, query: resourceQuery(webhookSchema) },
      responses: { 200: webhookSchema },
      fields: true,
      etag: 'weak',
      errors: refusals,
      handler: async ({ path, context }) => ({
        status: 200 as const,
        body: shown(await webhooks.find(callerOf(context), path.id)),
      }),
    }),
    defineRoute({
      ...own,
      auth: 'account',
      method: 'DELETE',
      load: 'write',
      path: '/webhooks/{id}',
      summary: 'Delete a webhook. Its waiting events are not delivered',
      request: { path: byId },
      responses: { 204: null },
      errors: ['resource_not_found'],
      handler: async ({ path, context }) => {
        await webhooks.remove(callerOf(context), path.id);
        return { status: 204 as const, body: null };
      },
    }),
    defineRoute({
      ...own,
      // The scope of what the secret signs, as for a new webhook.
      auth: { scope: webhookScope, account: true },
      method: 'POST',
      load: 'write',
      path: '/webhooks/{id}/rotate',
      summary: 'Give a webhook a new secret. For a limited time the previous secret signs too',
      request: { path: byId },
      responses: { 200: withSecret },
      errors: ['resource_not_found', 'quota_exceeded'],
      handler: async ({ path, context }) => {
        const { secret, ...webhook } = await webhooks.rotate(callerOf(context), path.id);
        return { status: 200 as const, headers: noStore, body: { ...shown(webhook), secret } };
      },
    }),
    defineRoute({
      ...own,
      // The scope of what the secret signs, as for a new webhook.
      auth: { scope: webhookScope, account: true },
      method: 'POST',
      load: 'write',
      path: '/webhooks/{id}/test',
      summary: 'Send a webhook.test event. A test that arrives enables a disabled webhook',
      request: { path: byId },
      responses: { 202: z.strictObject({ event_id: z.uuid() }).meta({ id: 'WebhookTest' }) },
      errors: ['resource_not_found', 'quota_exceeded'],
      handler: async ({ path, context }) => ({
        status: 202 as const,
        headers: { Location: `${basePath}/webhooks/${path.id}/deliveries` },
        body: { event_id: await webhooks.test(callerOf(context), path.id) },
      }),
    }),
    defineRoute({
      ...own,
      method: 'GET',
      load: 'read',
      path: '/webhooks/{id}/deliveries',
      summary: 'The deliveries to a webhook with the result of the last attempt, newest first',
      request: { path: byId, query: listQuery(deliverySchema) },
      responses: { 200: listOf(deliverySchema) },
      fields: true,
      etag: 'weak',
      errors: refusals,
      handler: async ({ path: { id }, query, context }) => {
        const load = (each: PageRequest) => webhooks.deliveries(callerOf(context), id, each);
        const list = { list: `deliveries ${id}` };
        const { data, page } = await pages.answer(list, query, load, (each) => each.event_id);
        return { status: 200 as const, body: { data: data.map(shownDelivery), page } };
      },
    }),
  ];
};
