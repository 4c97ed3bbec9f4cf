import { createAuditTrail } from '../audit/audit-trail.ts';
import type { AuditTrail } from '../kernel/audit.ts';
import { uuidv7 } from '../kernel/ids.ts';
import type { Base } from './base.ts';

export const composeAudit = ({ clock, metrics }: Base): AuditTrail => createAuditTrail({ clock, metrics, ids: uuidv7 });
