import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { assertWithinQuota, type QuotaUse } from '#src/kernel/lists/storage-quota.ts';
import {
  auditActionsOf,
  auditGrowth,
  auditQuotaGroups,
  type AuditAction,
  type AuditQuotaGroup,
} from '#src/kernel/catalogue/audit-actions.ts';
import type { ActingSubjects } from '#src/kernel/ports/audit.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import type { EventContent } from './event-content.ts';
import { eventsOfDay, isUncounted } from './events-of-day.ts';

export type CreationQuotaDeps = {
  readonly abuse: AbuseReport;
  readonly actingSubjects: ActingSubjects;
  /** Of each group except refreshes. */
  readonly maxPerDay: number;
  readonly maxRefreshesPerDay: number;
};

/**
 * Refuses an action when its owner, with all its API keys, has caused the max number of events of its group in the last 24 hours. Events are never
 * deleted, so without this quota an owner who creates and removes objects fills the disk. A change of the password begins some of the counts anew. Ends of credentials and the removal of
 * scopes are not limited, because they must always be possible. Their number is bounded by the creations: one end, and one
 * removal for each scope. Groups are counted apart, because changes must not use up the sign-ins of their owner.
 * Transactions in progress do not see each other, so their number can be exceeded by as many.
 * @throws AppError `quota_exceeded`
 */
export type AssertMayCreate = (query: Query, event: EventContent) => Promise<void>;

type Group = Pick<QuotaUse, 'unit' | 'remedy'>;

const groups: Readonly<Record<AuditQuotaGroup, Group>> = {
  // Objects that their owner can make and end again without end.
  creations: {
    unit: 'objects',
    remedy: 'Use the keys, sessions and webhooks that exist, or try again tomorrow.',
  },
  // Apart, because an owner needs them most when somebody else has a session or token and uses up the other ones.
  protections: {
    unit: 'changes',
    remedy: 'Change the password, which ends the other sign-ins and begins this count anew, or try again tomorrow.',
  },
  // Apart, because each needs the password, and a stolen token must not use up the sign-ins of its owner. The count begins anew after a
  // reset by mail, which ends the sign-ins of whoever knew the password.
  sign_ins: {
    unit: 'sign-ins',
    remedy: 'Use the sessions and tokens that exist, or reset the password by e-mail.',
  },
  // Apart, because a stolen token can make them, and they must not use up what protects an account.
  exports: { unit: 'exports', remedy: 'Use the export that you have, or try again tomorrow.' },
  // What only its owner sees. A removal of a preset follows a change that counted.
  changes: {
    unit: 'changes',
    remedy: 'Send several changes with one request, or try again tomorrow.',
  },
  // Apart, because nothing else may keep an owner from changing the password. A reset by mail has its own limit.
  password_changes: {
    unit: 'changes',
    remedy: 'Try again tomorrow, or reset the password by e-mail.',
  },
  universe_changes: {
    unit: 'changes',
    remedy: 'Change a universe only when its definition differs, or try again tomorrow.',
  },
  // Not the end of credentials: an administrator can always disable a user.
  administration: { unit: 'changes', remedy: 'Try again tomorrow.' },
  refreshes: {
    unit: 'refreshes and uploads',
    remedy: 'Give the universe a schedule, send more rows with one file, or try again tomorrow.',
  },
};

const groupOf = (action: AuditAction): AuditQuotaGroup | undefined =>
  auditQuotaGroups.find((group) => group === auditGrowth[action]);

const changesOfPassword = ['user.password_changed', 'user.password_reset'] as const;

/** After the last one of these events the count begins anew, because they end the sign-ins of a thief. Sign-ins need the password, which a thief of it can change. */
const begunAnewBy: Readonly<Partial<Record<AuditQuotaGroup, readonly AuditAction[]>>> = {
  creations: changesOfPassword,
  protections: changesOfPassword,
  sign_ins: ['user.password_reset'],
};

/** Max events of a day, as a multiple of those without a new beginning. A user can change the password often. */
const maxBeginnings = 10;

export const createCreationQuota = (deps: CreationQuotaDeps): AssertMayCreate => {
  const { abuse, actingSubjects, maxPerDay, maxRefreshesPerDay } = deps;
  return async (query, event) => {
    const { action, actor, occurred_at: occurredAt } = event;
    const group = groupOf(action);
    if (actor.subject === null || !group || isUncounted(event)) return;
    const now = new Date(occurredAt);
    const acting = await actingSubjects(query, actor, now);
    if (!acting) return;
    const { unit, remedy } = groups[group];
    const max = group === 'refreshes' ? maxRefreshesPerDay : maxPerDay;
    const day = { acting, actions: auditActionsOf(group), now };
    const since = begunAnewBy[group];
    let made = await eventsOfDay(query, { ...day, max });
    if (made >= max && since) {
      const all = await eventsOfDay(query, { ...day, max: max * maxBeginnings });
      if (all < max * maxBeginnings) made = await eventsOfDay(query, { ...day, max, since });
    }
    assertWithinQuota(abuse, {
      quota: `${group}_in_a_day`,
      wanted: made + 1,
      max,
      unit,
      remedy,
    });
  };
};
