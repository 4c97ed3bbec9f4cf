import { dayMs } from '#src/kernel/calendar.ts';
import { firstUuidv7At } from '#src/kernel/ids.ts';
import type { AuditAction } from '#src/kernel/catalogue/audit-actions.ts';
import type { ActingSubjects } from '#src/kernel/ports/audit.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import type { EventContent } from './event-content.ts';

export type EventsOfDay = {
  readonly acting: NonNullable<Awaited<ReturnType<ActingSubjects>>>;
  readonly actions: readonly AuditAction[];
  readonly now: Date;
  /** Only events after the last one of these actions count. */
  readonly since?: readonly AuditAction[];
  /** The count stops here. */
  readonly max: number;
};

/**
 * Scopes can be removed from a key at any time, so these events do not count. The new key of a rotation has `api_key.rotated` beside it, which
 * counts.
 */
export const isUncounted = ({ action, data }: Pick<EventContent, 'action' | 'data'>): boolean =>
  (action === 'api_key.changed' && data['scopes_removed'] === true) ||
  (action === 'api_key.created' && data['replaces'] !== undefined);
const isUncountedSql = `(action = 'api_key.changed' and data @> '{"scopes_removed": true}'
  or action = 'api_key.created' and data->'replaces' is not null)`;

/** SQL condition. $6 are the actions. Most counts have none, and this part reads the events of the day once more. */
const isAfterLastSql = `id > coalesce((select id from audit_event
  where actor_subject = any($1) and id >= $2 and action = any($6) order by id desc limit 1), $2)`;

/** Counts the events of these actors in the last 24 hours. SQL, because the count must stop at the max. */
export const eventsOfDay = async (query: Query, { acting, actions, now, max, since }: EventsOfDay): Promise<number> => {
  const [found] = await query<{ made: number }>(
    `select count(*)::int as made from (
       select 1 from audit_event where actor_subject = any($1) and id >= $2 and actor_kind = any($3) and action = any($4)
         and not ${isUncountedSql}
         ${since === undefined ? '' : `and ${isAfterLastSql}`}
       limit $5
     ) as event`,
    [
      acting.subjects,
      firstUuidv7At(now.getTime() - dayMs),
      acting.kinds,
      actions,
      max,
      ...(since === undefined ? [] : [since]),
    ],
  );
  return found!.made;
};
