import type { AuditActor, AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Owner } from '#src/kernel/ports/owners.ts';
import { isAccountId } from '#src/kernel/requests/unknown-user.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { OwnerEndReason } from '../entities.ts';

export type EndCredentialsDeps = {
  readonly audit: AuditTrail;
  readonly clock: Clock;
  /** Removes the webhooks of an owner. @returns the number of webhooks */
  readonly removeWebhooks: (transaction: Transaction, owner: Owner, actor: AuditActor | undefined) => Promise<number>;
};

type EndedSignIns = { readonly sessions: number; readonly refresh_families: number };
export type Ended = EndedSignIns & { readonly api_keys: number; readonly webhooks: number };

/** Who ends the credentials, for the audit trail. Undefined: the caller of the request. */
type Actor = AuditActor | undefined;

/**
 * Ends credentials of an owner inside a transaction. Each method uses one statement for each table, because an owner can
 * have many credentials. Other instances see new rows of revoked_token after REVOCATION_POLL_MS, and of owner_end after
 * OWNER_CACHE_MS.
 */
export type EndCredentials = {
  /** @returns 1 if the key was active, else 0 */
  readonly key: (transaction: Transaction, id: string, actor: Actor) => Promise<number>;
  /** @returns the number of revoked API keys */
  readonly keys: (transaction: Transaction, owner: Owner, actor: Actor) => Promise<number>;
  /** Ends sessions, refresh tokens and access tokens of any kind. API keys and webhooks stay. */
  readonly signIns: (transaction: Transaction, userId: string) => Promise<EndedSignIns>;
  /** Ends API keys, sessions, refresh tokens and access tokens, and removes the webhooks. */
  readonly all: (
    transaction: Transaction,
    owner: Owner,
    reason: Exclude<OwnerEndReason, 'deleted'>,
    actor: Actor,
  ) => Promise<Ended>;
};

export const createEndCredentials = ({ audit, clock, removeWebhooks }: EndCredentialsDeps): EndCredentials => {
  const keysWhere = async (
    transaction: Transaction,
    condition: string,
    parameters: readonly string[],
    actor: Actor,
  ): Promise<number> => {
    const revokedAt = clock.now();
    const ended = await transaction.query<{ id: string }>(
      `update api_key set revoked_at = $1 where revoked_at is null and ${condition} returning id`,
      [revokedAt, ...parameters],
    );
    for (const { id } of ended) {
      await audit.record(transaction, {
        stream: `api_key:${id}`,
        action: 'api_key.revoked',
        outcome: 'success',
        ...(actor && { actor }),
        target: id,
        data: { revoked_at: revokedAt.toISOString() },
      });
    }
    return ended.length;
  };

  const keys: EndCredentials['keys'] = (transaction, { kind, id }, actor) =>
    keysWhere(transaction, 'owner_kind = $2 and owner_id = $3', [kind, id], actor);

  const sessionsAndFamilies = async ({ query }: Transaction, userId: string): Promise<EndedSignIns> => {
    const now = clock.now();
    const sessions = await query('delete from user_session where user_id = $1 returning 1', [userId]);
    const families = await query(
      `update refresh_family set revoked_at = $2, revoked_reason = 'operator'
       where user_id = $1 and revoked_at is null returning 1`,
      [userId, now],
    );
    await query(
      `insert into revoked_token (token_id, revoked_at, expires_at)
       select access_token_id, clock_timestamp(), access_expires_at
       from refresh_token join refresh_family family on family.id = family_id
       where family.user_id = $1 and access_expires_at > $2::timestamptz - interval '5 minutes'
       on conflict (token_id) do nothing`,
      [userId, now],
    );
    return { sessions: sessions.length, refresh_families: families.length };
  };

  /**
   * Ends access tokens by their time of issue, because tokens of clients and legacy tokens have no refresh family. SQL,
   * because the stored reason decides about the new one.
   */
  const tokens = async ({ query }: Transaction, { kind, id }: Owner, reason: OwnerEndReason): Promise<void> => {
    await query(
      `insert into owner_end as ended (owner_kind, owner_id, reason, ended_at) values ($1, $2, $3, $4)
       on conflict (owner_kind, owner_id) do update set ended_at = excluded.ended_at,
         reason = case when ended.reason = 'disabled' and excluded.reason = 'tokens_ended'
           then ended.reason else excluded.reason end`,
      [kind, id, reason, clock.now()],
    );
  };

  return {
    key: async (transaction, id, actor) =>
      isAccountId(id) ? keysWhere(transaction, 'id = $2::text::uuid', [id], actor) : 0,

    keys,

    signIns: async (transaction, id) => {
      const ended = await sessionsAndFamilies(transaction, id);
      await tokens(transaction, { kind: 'user', id }, 'tokens_ended');
      return ended;
    },

    all: async (transaction, owner, reason, actor) => {
      const endedKeys = await keys(transaction, owner, actor);
      const none = { sessions: 0, refresh_families: 0 };
      const hasAccount = owner.kind === 'user' && isAccountId(owner.id);
      const signIns = hasAccount ? await sessionsAndFamilies(transaction, owner.id) : none;
      await tokens(transaction, owner, reason);
      return { api_keys: endedKeys, ...signIns, webhooks: await removeWebhooks(transaction, owner, actor) };
    },
  };
};
