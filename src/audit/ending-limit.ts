import { auditActionsOf, auditGrowth } from '#src/kernel/catalogue/audit-actions.ts';
import type { ActingSubjects } from '#src/kernel/ports/audit.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import { eventsOfDay } from './events-of-day.ts';
import type { EventContent } from './event-content.ts';

export type EndingLimitDeps = { readonly actingSubjects: ActingSubjects; readonly maxPerDay: number };

/**
 * An end of credentials is never refused, and events are kept for good. So an owner, with all its API keys, can have the max number of
 * recorded ends of its own credentials in 24 hours.
 * @returns `last`: the event reaches the max, so it must say that further ones are left out
 */
export type EndingLimit = (query: Query, event: EventContent) => Promise<'record' | 'last' | 'omit'>;

const endings = auditActionsOf('ending');

export const createEndingLimit =
  ({ actingSubjects, maxPerDay }: EndingLimitDeps): EndingLimit =>
  async (query, { action, actor, stream, occurred_at: occurredAt }) => {
    if (auditGrowth[action] !== 'ending' || actor.subject === null) return 'record';
    // Otherwise somebody else ended them, such as an administrator.
    if (stream.slice(stream.indexOf(':') + 1) !== actor.subject) return 'record';
    const now = new Date(occurredAt);
    const acting = await actingSubjects(query, actor, now);
    if (!acting) return 'record';
    const made = await eventsOfDay(query, { acting, actions: endings, now, max: maxPerDay });
    if (made >= maxPerDay) return 'omit';
    return made + 1 === maxPerDay ? 'last' : 'record';
  };
