import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Owner, Owners } from '#src/kernel/ports/owners.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';

export type MayActDeps = {
  readonly reader: Reader;
  readonly owners: Owners;
  readonly clock: Clock;
  /** Whether work of users without an account here may run. */
  readonly foreignUsers: boolean;
};

/**
 * Whether stored work of a caller, for example a pricing job, may still run.
 * @param subject `user:ID`, `client:ID` or `api_key:ID`
 */
export type MayAct = (subject: string) => Promise<boolean>;

/** The owner rule for work that runs without a credential. */
export const createMayAct = ({ reader, owners, clock, foreignUsers }: MayActDeps): MayAct => {
  const isPresent = async (owner: Owner): Promise<boolean> => (await owners.standing(owner)).state === 'present';

  const keyMayAct = async (id: string): Promise<boolean> => {
    const [key] = await reader.query<{ kind: Owner['kind']; id: string }>(
      `select owner_kind as kind, owner_id as id from api_key
       where id = $1 and revoked_at is null and (expires_at is null or expires_at > $2)`,
      [id, clock.now()],
    );
    return key !== undefined && isPresent(key);
  };

  return async (subject) => {
    const kind = subject.slice(0, subject.indexOf(':'));
    const id = subject.slice(kind.length + 1);
    if (kind === 'api_key') return keyMayAct(id);
    if (kind === 'client') return isPresent({ kind, id });
    const { state } = await owners.standing({ kind: 'user', id });
    return state === 'present' || (state === 'unknown' && foreignUsers);
  };
};
