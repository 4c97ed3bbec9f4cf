import { dayMs } from '#src/kernel/calendar.ts';
import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { assertWithinQuota } from '#src/kernel/lists/storage-quota.ts';
import type { AuditAction } from '#src/kernel/ports/audit.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import type { EventContent } from './event-content.ts';

export type CreationQuotaDeps = { readonly abuse: AbuseReport; readonly maxPerDay: number };

/**
 * Refuses a credential, sign-in, webhook or calendar connection when its actor has made the max number in the last 24
 * hours. Events are never deleted, so without this quota an owner who creates and removes objects fills the disk. Ends of
 * credentials and the removal of scopes are not limited, because they must always be possible. Their number is bounded by
 * the creations: one end, and one removal for each scope.
 * Changes of settings and of the password are counted apart, because they must not use up the sign-ins of their owner.
 * Transactions in progress do not see each other, so their number can be exceeded by as many.
 * @throws AppError `quota_exceeded`
 */
export type AssertMayCreate = (query: Query, event: EventContent) => Promise<void>;

/**
 * The actions that create an object, and changes of credentials that their owner can repeat without end. The quota counts
 * them together.
 */
export const creations: readonly AuditAction[] = [
  'api_key.created',
  'api_key.changed',
  'user.signed_in',
  'webhook.created',
  'webhook.rotated',
  'calendar.connected',
  'user.second_factor_enabled',
  'user.email_change_requested',
  'user.data_exported',
];

/** Changes of what only their owner sees. The quota counts them together. A removal of a preset follows a change that counted. */
export const changes: readonly AuditAction[] = ['user.profile_changed', 'user.settings_changed', 'user.preset_stored'];

/** Counted apart, because nothing else may keep an owner from changing the password. A reset by mail has its own limit. */
export const passwordChanges: readonly AuditAction[] = ['user.password_changed'];

const groups = [
  {
    quota: 'creations_in_a_day',
    actions: creations,
    unit: 'objects',
    remedy: 'Use the keys, sessions and webhooks that exist, or try again tomorrow.',
  },
  {
    quota: 'changes_in_a_day',
    actions: changes,
    unit: 'changes',
    remedy: 'Send several changes with one request, or try again tomorrow.',
  },
  {
    quota: 'password_changes_in_a_day',
    actions: passwordChanges,
    unit: 'changes',
    remedy: 'Try again tomorrow, or reset the password by e-mail.',
  },
] as const;

const isRemovalOfScopes = ({ action, data }: Pick<EventContent, 'action' | 'data'>): boolean =>
  action === 'api_key.changed' && data['scopes_removed'] === true;

/** The same condition on a row of `audit_event`. */
const isRemovalOfScopesSql = `action = 'api_key.changed' and data @> '{"scopes_removed": true}'`;

/** The smallest UUIDv7 of this time. */
const firstIdAt = (time: number): string => {
  const hex = time.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
};

export const createCreationQuota = ({ abuse, maxPerDay }: CreationQuotaDeps): AssertMayCreate => {
  return async (query, event) => {
    const { action, actor, occurred_at: occurredAt } = event;
    const group = groups.find(({ actions }) => actions.includes(action));
    if (actor.subject === null || !group || isRemovalOfScopes(event)) return;
    const { quota, actions, unit, remedy } = group;
    const [found] = await query<{ made: number }>(
      `select count(*)::int as made from (
         select 1 from audit_event where actor_subject = $1 and id >= $2 and actor_kind = $3 and action = any($4)
           and not (${isRemovalOfScopesSql})
         limit $5
       ) as event`,
      [actor.subject, firstIdAt(Date.parse(occurredAt) - dayMs), actor.kind, actions, maxPerDay],
    );
    assertWithinQuota(abuse, {
      quota,
      wanted: found!.made + 1,
      max: maxPerDay,
      unit,
      remedy,
    });
  };
};
