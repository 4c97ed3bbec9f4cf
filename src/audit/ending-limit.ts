import { auditGrowth } from '#src/kernel/catalogue/audit-actions.ts';
import type { OwnerOfActor } from '#src/kernel/ports/audit.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import type { EventContent } from './event-content.ts';
import { changeFor, readMade, type CountChange } from './owner-counts.ts';

export type EndingLimitDeps = { readonly ownerOfActor: OwnerOfActor; readonly maxPerDay: number };

/**
 * `last_of_day` and `last_of_30_days`: the event reaches the max, so it must say that further ones are left out.
 */
type EndingVerdict = {
  readonly record: boolean;
  readonly data?: { readonly last_of_day: true } | { readonly last_of_30_days: true };
  readonly change?: CountChange;
};

/**
 * An end of credentials is never refused, and events are kept for good. So an owner, with all its API keys, can have the max number of
 * recorded ends of its own credentials in a day (UTC), and ten times as many in 30 days.
 */
export type EndingLimit = (query: Query, event: EventContent) => Promise<EndingVerdict>;

const daysFactor = 10;

export const createEndingLimit =
  ({ ownerOfActor, maxPerDay }: EndingLimitDeps): EndingLimit =>
  async (query, event) => {
    const { action, actor, stream } = event;
    // If the stream is of another subject, somebody else ended them, such as an administrator.
    if (auditGrowth[action] !== 'ending' || stream.slice(stream.indexOf(':') + 1) !== actor.subject)
      return { record: true };
    const found = await changeFor(ownerOfActor, query, event);
    if (!found) return { record: true };
    const made = await readMade(query, found, 'ending');
    const leftOfDay = maxPerDay - made.events_of_day;
    const leftOf30Days = maxPerDay * daysFactor - made.events_of_30_days;
    if (leftOfDay <= 0 || leftOf30Days <= 0) return { record: false };
    const change = { ...found, add: 'ending', beginAnew: [] } as const;
    if (leftOf30Days === 1) return { record: true, change, data: { last_of_30_days: true } };
    return { record: true, change, ...(leftOfDay === 1 && { data: { last_of_day: true } }) };
  };
