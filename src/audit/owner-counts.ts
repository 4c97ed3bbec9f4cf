import { removePart } from '#src/kernel/lists/removal.ts';
import { utcDay } from '#src/kernel/calendar.ts';
import type { AuditQuotaGroup } from '#src/kernel/catalogue/audit-actions.ts';
import type { OwnerOfActor } from '#src/kernel/ports/audit.ts';
import type { Owner } from '#src/kernel/ports/owners.ts';
import type { Query, Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { EventContent } from './event-content.ts';

// SQL: a count is created or raised in one step, and retention deletes sets.

export type CountedGroup = AuditQuotaGroup | 'ending';

/** What an event does to the counts of its owner. The trail applies it right before the commit, because then the row is locked only for a moment. */
export type CountChange = {
  readonly owner: Owner;
  /** `YYYY-MM-DD` in UTC. */
  readonly day: string;
  readonly add?: CountedGroup | undefined;
  readonly beginAnew: readonly CountedGroup[];
};

/** Events of an owner in a group. `counted` leaves out those before the last new beginning. */
export type Made = {
  readonly events_of_day: number;
  readonly counted_of_day: number;
  readonly events_of_30_days: number;
  readonly counted_of_30_days: number;
};

/** @returns undefined for an actor without an owner */
export const changeFor = async (
  ownerOfActor: OwnerOfActor,
  query: Query,
  { actor, occurred_at: occurredAt }: Pick<EventContent, 'actor' | 'occurred_at'>,
): Promise<Pick<CountChange, 'owner' | 'day'> | undefined> => {
  const owner = await ownerOfActor(query, actor);
  return owner && { owner, day: utcDay(new Date(occurredAt)) };
};

/** Reads without a lock, so transactions in progress do not see each other. */
export const readMade = async (
  query: Query,
  { owner, day }: Pick<CountChange, 'owner' | 'day'>,
  group: CountedGroup,
): Promise<Made> => {
  const [made] = await query<Made>(
    `select coalesce(sum(events) filter (where day = $4::date), 0)::int as events_of_day,
       coalesce(sum(counted) filter (where day = $4::date), 0)::int as counted_of_day,
       coalesce(sum(events), 0)::int as events_of_30_days, coalesce(sum(counted), 0)::int as counted_of_30_days
     from audit_count where owner_kind = $1 and owner_id = $2 and action_group = $3 and day > $4::date - 30`,
    [owner.kind, owner.id, group, day],
  );
  return made!;
};

const add = async (query: Query, { owner, day }: CountChange, group: CountedGroup): Promise<void> => {
  await query(
    `insert into audit_count as count (owner_kind, owner_id, action_group, day, events, counted) values ($1, $2, $3, $4, 1, 1)
     on conflict (owner_kind, owner_id, action_group, day) do update set events = count.events + 1, counted = count.counted + 1`,
    [owner.kind, owner.id, group, day],
  );
};

const nameOf = ({ owner, add: group }: CountChange): string => `${owner.kind}:${owner.id} ${group ?? ''}`;

/** Applies changes in an order that is the same in every transaction, so there are no deadlocks. */
export const applyChanges = async (query: Query, changes: readonly CountChange[]): Promise<void> => {
  for (const change of changes.toSorted((left, right) => (nameOf(left) < nameOf(right) ? -1 : 1))) {
    const { owner, beginAnew } = change;
    if (beginAnew.length > 0)
      await query(
        `update audit_count set counted = 0
         where owner_kind = $1 and owner_id = $2 and action_group = any($3) and counted > 0`,
        [owner.kind, owner.id, beginAnew],
      );
    if (change.add) await add(query, change, change.add);
  }
};

/** Removes a part of the counts that no quota reads any more. @returns their number */
export const removeOldCounts = ({ query }: Transaction): Promise<number> =>
  removePart(query, { table: 'audit_count', where: `day < (now() at time zone 'UTC')::date - 31` });
