import { z } from 'zod';
import { boundedText } from '#src/kernel/requests/texts/bounded-text.ts';
import { auditActions, auditActorKinds, auditOutcomes, auditStreamKinds } from '#src/kernel/ports/audit.ts';
import { dayMs } from '#src/kernel/calendar.ts';
import { dateParameter, fieldsQuery, listOf, pageQuery, type Cursors } from '#src/kernel/lists/pagination.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import type { AuditFilters, AuditQueries } from './queries.ts';
import { createPages, digestOfFilters, type PageRequest } from '#src/kernel/lists/pages.ts';
import { rangeOrderText } from '#src/kernel/requests/texts/range-order.ts';

export type AuditRoutesDeps = { readonly queries: AuditQueries; readonly cursors: Cursors };

const hash = z.string().regex(/^[0-9a-f]{64}$/, 'Must be 64 hexadecimal digits in lower case');

const eventSchema = z
  .strictObject({
    id: z.uuid(),
    stream: z
      .string()
      .describe(`One of ${auditStreamKinds.join(', ')}, then a colon and the name or id of the subject`),
    sequence: z.int().min(1).describe('Position in the stream, from 1 without gaps'),
    action: z.enum(auditActions),
    outcome: z.enum(auditOutcomes),
    actor: z.strictObject({ kind: z.enum(auditActorKinds), subject: z.string().nullable() }).meta({ id: 'AuditActor' }),
    target: z.string(),
    reason: z.string().nullable().describe('An error code'),
    request_id: z.string().nullable(),
    trace_id: z.string().nullable(),
    occurred_at: z.iso.datetime(),
    data: z.looseObject({}).describe('What the action changed; its members depend on the action'),
    previous_hash: hash,
    hash: hash.describe('SHA-256 over the previous hash and the canonical JSON of the event'),
  })
  .meta({ id: 'AuditEvent' });

const name = boundedText(200).min(1);
const instant = z
  .union([dateParameter, z.iso.datetime({ offset: true, abort: true }).refine((text) => text >= '1000')])
  .describe('RFC 3339, or a whole day in UTC');

/** The first and the last Unix millisecond of a range. A whole day as `to` includes the day until its end. */
const firstOf = (from: string): number => Date.parse(from);
const lastOf = (to: string): number => Date.parse(to) + (to.includes('T') ? 0 : dayMs - 1);

const querySchema = z
  .strictObject({
    ...pageQuery,
    stream: name.optional(),
    action: z.enum(auditActions).optional(),
    outcome: z.enum(auditOutcomes).optional(),
    actor: name.optional().describe('The id of a user, client or API key'),
    target: name.optional().describe('The id of the object of the action'),
    from: instant.optional(),
    to: instant.optional(),
    fields: fieldsQuery(eventSchema),
  })
  .refine(({ from, to }) => from === undefined || to === undefined || firstOf(from) <= lastOf(to), {
    path: ['from'],
    error: ({ input }) => rangeOrderText(input),
  });

/** Name of a list of events in its cursors. */
const listNameOf = (filters: AuditFilters): string => `audit ${digestOfFilters(JSON.stringify(filters))}`;

/** `GET /audit/events`. */
export const createAuditRoutes = ({ queries, cursors }: AuditRoutesDeps): Route[] => [
  defineRoute({
    method: 'GET',
    load: 'read',
    path: '/audit/events',
    tag: 'Audit',
    summary: 'Events of the audit trail, oldest first',
    auth: { scope: 'audit:read' },
    rateLimit: 'caller',
    scansBy: ['stream', 'action', 'outcome', 'actor', 'target', 'from', 'to'],
    request: { query: querySchema },
    responses: { 200: listOf(eventSchema) },
    fields: true,
    etag: 'weak',
    errors: [],
    handler: async ({ query: { limit, cursor, stream, action, outcome, actor, target, from, to } }) => {
      const filters: AuditFilters = {
        stream,
        action,
        outcome,
        actor,
        target,
        from: from === undefined ? undefined : firstOf(from),
        to: to === undefined ? undefined : lastOf(to),
      };
      const load = ({ after, limit: rows }: PageRequest) => queries.events({ ...filters, after, limit: rows });
      const page = { limit, cursor };
      const body = await createPages({ cursors }).answer({ list: listNameOf(filters) }, page, load, ({ id }) => id);
      return { status: 200 as const, body };
    },
  }),
];
