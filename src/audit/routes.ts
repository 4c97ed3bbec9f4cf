import { createHash } from 'node:crypto';
import { z } from 'zod';
import { auditActions, auditActorKinds, auditOutcomes, auditStreamKinds } from '#src/kernel/audit.ts';
import { dateParameter, fieldsQuery, listOf, pageQuery, type Cursors } from '#src/kernel/pagination.ts';
import { defineRoute, type Route } from '#src/kernel/route.ts';
import type { AuditFilters, AuditQueries } from './queries.ts';
import { foreignCursor } from '#src/kernel/pages.ts';

export type AuditRoutesDeps = { readonly queries: AuditQueries; readonly cursors: Cursors };

const hash = z.string().regex(/^[0-9a-f]{64}$/);

const eventSchema = z.strictObject({
  id: z.uuid(),
  stream: z.string().describe(`One of ${auditStreamKinds.join(', ')}, a colon, and what it is about`),
  sequence: z.int().min(1).describe('Place in the stream, from 1 without gaps'),
  action: z.enum(auditActions),
  outcome: z.enum(auditOutcomes),
  actor: z.strictObject({ kind: z.enum(auditActorKinds), subject: z.string().nullable() }),
  target: z.string(),
  reason: z.string().nullable().describe('An error code'),
  request_id: z.string().nullable(),
  trace_id: z.string().nullable(),
  occurred_at: z.iso.datetime(),
  data: z.looseObject({}),
  previous_hash: hash,
  hash: hash.describe('SHA-256 over the previous hash and the canonical JSON of the event'),
});

const name = z
  .string()
  .min(1)
  .max(200)
  .refine((text) => !text.includes('\0'), { error: 'Must not contain NUL' });
const instant = z
  .union([dateParameter, z.iso.datetime({ offset: true }).refine((text) => text >= '1000')])
  .describe('RFC 3339, or a whole day in UTC');

const dayMs = 86_400_000;
/** Milliseconds since 1970; of a day, those that it begins and ends with. */
const firstOf = (from: string): number => Date.parse(from);
const lastOf = (to: string): number => Date.parse(to) + (to.includes('T') ? 0 : dayMs - 1);

const querySchema = z
  .strictObject({
    ...pageQuery,
    stream: name.optional(),
    action: z.enum(auditActions).optional(),
    outcome: z.enum(auditOutcomes).optional(),
    actor: name.optional().describe('The id of a user, client or API key'),
    target: name.optional().describe('The id of what was acted upon'),
    from: instant.optional(),
    to: instant.optional(),
    fields: fieldsQuery(eventSchema),
  })
  .refine(({ from, to }) => from === undefined || to === undefined || firstOf(from) <= lastOf(to), {
    path: ['from'],
    error: 'Must not be after to',
  });

/** What a cursor is bound to: the same list under the same filters. */
const listOfFilters = (filters: AuditFilters): string =>
  `audit ${createHash('sha256').update(JSON.stringify(filters)).digest('base64url')}`;

const afterOf = (cursors: Cursors, cursor: string | undefined, list: string): string | null => {
  if (cursor === undefined) return null;
  const position = cursors.decode(cursor);
  if (position['list'] === list) return String(position['after']);
  throw foreignCursor();
};

export const createAuditRoutes = ({ queries, cursors }: AuditRoutesDeps): Route[] => [
  defineRoute({
    method: 'GET',
    path: '/audit/events',
    tag: 'Audit',
    summary: 'What was done by whom, oldest first',
    auth: { scope: 'audit:read' },
    rateLimit: 'user',
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
      const list = listOfFilters(filters);
      // One row more than asked for tells whether there is a next page.
      const rows = await queries.events({ ...filters, after: afterOf(cursors, cursor, list), limit: limit + 1 });
      const data = rows.slice(0, limit);
      const last = data.at(-1);
      const next = rows.length > limit && last ? cursors.encode({ list, after: last.id }) : null;
      return { status: 200 as const, body: { data, page: { next_cursor: next, limit } } };
    },
  }),
];
