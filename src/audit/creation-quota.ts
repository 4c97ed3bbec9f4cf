import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { assertWithinQuota, type QuotaUse } from '#src/kernel/lists/storage-quota.ts';
import {
  auditGrowth,
  auditQuotaGroups,
  type AuditAction,
  type AuditQuotaGroup,
} from '#src/kernel/catalogue/audit-actions.ts';
import type { OwnerOfActor } from '#src/kernel/ports/audit.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import type { EventContent } from './event-content.ts';
import { changeFor, readMade, type CountChange, type Made } from './owner-counts.ts';

export type CreationQuotaDeps = {
  readonly abuse: AbuseReport;
  readonly ownerOfActor: OwnerOfActor;
  /** Of each group except refreshes. */
  readonly maxPerDay: number;
  readonly maxRefreshesPerDay: number;
};

/**
 * Refuses an action when its owner, with all its API keys, has caused the max number of events of its group in the day (UTC) or in 30 days. Events are
 * never deleted, so without these quotas an owner who creates and removes objects fills the disk. After the max of 30 days a day still has a few. A change of the password begins some of the counts anew.
 * Ends of credentials and the removal of scopes are not limited, because they must always be possible. Their number is bounded by the creations: one end, and
 * one removal for each scope. Groups are counted apart, because changes must not use up the sign-ins of their owner.
 * Transactions in progress do not see each other, so their number can be exceeded by as many.
 * @returns how the event changes the counts
 * @throws AppError `quota_exceeded`
 */
export type AssertMayCreate = (query: Query, event: EventContent) => Promise<CountChange | undefined>;

type Group = Pick<QuotaUse, 'unit' | 'remedy'> & {
  /** Only for owners to whom an administrator has given a scope, so that 30 days need no limit. */
  readonly isPrivileged?: true;
};

const groups: Readonly<Record<AuditQuotaGroup, Group>> = {
  // Objects that their owner can make and end again without end.
  creations: {
    unit: 'objects',
    remedy:
      'Use the keys, sessions and webhooks that exist, try again tomorrow, or change the password, which begins this count anew.',
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
    isPrivileged: true,
    unit: 'changes',
    remedy: 'Change a universe only when its definition differs, or try again tomorrow.',
  },
  // Not the end of credentials: an administrator can always disable a user.
  administration: { isPrivileged: true, unit: 'changes', remedy: 'Try again tomorrow.' },
  refreshes: {
    isPrivileged: true,
    unit: 'refreshes and uploads',
    remedy: 'Give the universe a schedule, send more rows with one file, or try again tomorrow.',
  },
};

const groupOf = (action: AuditAction): AuditQuotaGroup | undefined =>
  auditQuotaGroups.find((group) => group === auditGrowth[action]);

/**
 * The groups whose counts these events begin anew, because they end the sign-ins of a thief. Sign-ins need the password, which a thief of it can change.
 */
const begunAnewBy: Readonly<Partial<Record<AuditAction, readonly AuditQuotaGroup[]>>> = {
  'user.password_changed': ['creations', 'protections'],
  'user.password_reset': ['creations', 'protections', 'sign_ins'],
};

/** Max events as a multiple of the max of a day. A user can change the password often, and a thief must leave places of the 30 days. */
const factors = { dayWithBeginnings: 10, days: 10, daysWithBeginnings: 20 };

/** Part of the max of a day that an owner has each day after the max of 30 days. Otherwise an owner could be locked out for weeks. */
const dayPartAfterwards = 1 / 20;

/**
 * Scopes can be removed from a key at any time, so these events do not count. The new key of a rotation has `api_key.rotated` beside it, which
 * counts.
 */
const isUncounted = ({ action, data }: Pick<EventContent, 'action' | 'data'>): boolean =>
  (action === 'api_key.changed' && data['scopes_removed'] === true) ||
  (action === 'api_key.created' && data['replaces'] !== undefined);

export const createCreationQuota = (deps: CreationQuotaDeps): AssertMayCreate => {
  const { abuse, ownerOfActor, maxPerDay, maxRefreshesPerDay } = deps;

  const assertMade = (group: AuditQuotaGroup, made: Made): void => {
    const { unit, remedy, isPrivileged } = groups[group];
    const max = group === 'refreshes' ? maxRefreshesPerDay : maxPerDay;
    const isDayFull = made.events_of_day >= max * factors.dayWithBeginnings;
    const ofDay = isDayFull ? made.events_of_day : made.counted_of_day;
    assertWithinQuota(abuse, { quota: `${group}_in_a_day`, wanted: ofDay + 1, max, unit, remedy });
    if (isPrivileged) return;
    const afterwards = Math.ceil(max * dayPartAfterwards);
    if (made.events_of_day < afterwards) return;
    const areDaysFull = made.events_of_30_days >= max * factors.daysWithBeginnings;
    const ofDays = areDaysFull ? made.events_of_30_days : made.counted_of_30_days;
    assertWithinQuota(abuse, {
      quota: `${group}_in_30_days`,
      wanted: ofDays + 1,
      max: max * factors.days,
      unit,
      remedy: `${areDaysFull ? 'A change of the password does not begin this count anew.' : remedy} Each event leaves the count after 30 days; until then each day (UTC) has ${afterwards}.`,
    });
  };

  return async (query, event) => {
    const group = isUncounted(event) ? undefined : groupOf(event.action);
    const beginAnew = begunAnewBy[event.action] ?? [];
    if (!group && beginAnew.length === 0) return undefined;
    const change = await changeFor(ownerOfActor, query, event);
    if (!change) return undefined;
    if (group) assertMade(group, await readMade(query, change, group));
    return { ...change, add: group, beginAnew };
  };
};
