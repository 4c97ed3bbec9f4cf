import { dayMs } from '#src/kernel/calendar.ts';
import type { Owner } from '#src/kernel/ports/owners.ts';
import type { ActingSubjects } from '#src/kernel/ports/audit.ts';

/** Reads whose actions count against one owner. SQL, because each action with a quota needs it. */
export const actingSubjects: ActingSubjects = async (query, { kind, subject }, now) => {
  if (subject === null) return undefined;
  const [owner] =
    kind === 'api_key'
      ? await query<Owner>('select owner_kind as kind, owner_id as id from api_key where id = $1', [subject])
      : [{ kind, id: subject }];
  if (!owner) return undefined;
  const keys = await query<{ id: string }>(
    `select id from api_key where owner_kind = $1 and owner_id = $2 and (revoked_at is null or revoked_at > $3)
       and (expires_at is null or expires_at > $3)`,
    [owner.kind, owner.id, new Date(now.getTime() - dayMs)],
  );
  return { kinds: [owner.kind, 'api_key'], subjects: [owner.id, ...keys.map(({ id }) => id)] };
};
