import type { OwnerOfActor } from '#src/kernel/ports/audit.ts';
import type { Owner } from '#src/kernel/ports/owners.ts';

/** SQL, because each action with a quota needs it. */
export const ownerOfActor: OwnerOfActor = async (query, { kind, subject }) => {
  if (subject === null) return undefined;
  if (kind === 'user' || kind === 'client') return { kind, id: subject };
  if (kind !== 'api_key') return undefined;
  const [owner] = await query<Owner>('select owner_kind as kind, owner_id as id from api_key where id = $1', [subject]);
  return owner;
};
