import { createAuditTrail } from '../audit/audit-trail.ts';
import { createAuditQueries } from '../audit/queries.ts';
import { createAuditRoutes } from '../audit/routes.ts';
import type { Database } from '../database/database.ts';
import type { AuditTrail } from '../kernel/audit.ts';
import { uuidv7 } from '../kernel/ids.ts';
import type { Cursors } from '../kernel/pagination.ts';
import type { Route } from '../kernel/route.ts';
import type { Base } from './base.ts';

export type Audit = { readonly trail: AuditTrail; readonly routes: readonly Route[] };

export const composeAudit = ({ clock, metrics }: Base, { reader }: Database, cursors: Cursors): Audit => ({
  trail: createAuditTrail({ clock, metrics, ids: uuidv7 }),
  routes: createAuditRoutes({ queries: createAuditQueries({ reader }), cursors }),
});
