import type { AuditActor, AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { takeOwnerTurn } from '#src/kernel/lists/owner-turn.ts';
import { credentialsTurn, type Owner } from '#src/kernel/ports/owners.ts';
import { isAccountId } from '#src/kernel/requests/unknown-user.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { OwnerEndReason } from '../account-entities.ts';
import type { EndedToken } from '../tokens/revocation-reads.ts';
import { endSignIns, endTokensIssuedBefore, type EndSignInsOptions } from '../sessions/end-sign-ins.ts';
import { endAddressChange, endPasswordResets } from '../letters/end-requests.ts';
import { endKeys } from './end-keys.ts';

// SQL: the end of an owner decides and writes in one step, and the later time wins.

export type EndCredentialsDeps = {
  readonly audit: AuditTrail;
  readonly clock: Clock;
  /** Removes the webhooks of an owner. @returns the number of webhooks */
  readonly removeWebhooks: (transaction: Transaction, owner: Owner, actor: AuditActor | undefined) => Promise<number>;
};

export type EndedSignIns = { readonly sessions: number; readonly refresh_families: number };
type SignInsEnd = { readonly ended: EndedSignIns; readonly tokens: readonly EndedToken[] };
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
  /**
   * Ends sessions, refresh tokens, access tokens of any kind, and a waiting change of the address. API keys, webhooks and messages that reset the password stay.
   * @returns their numbers, and the tokens to announce after the commit
   */
  readonly signIns: (
    transaction: Transaction,
    userId: string,
    reason: EndSignInsOptions['reason'],
  ) => Promise<SignInsEnd>;
  /**
   * Ends API keys, sessions, refresh tokens, access tokens and what was asked for by mail, and removes the webhooks.
   * @param until tokens without a sign-in that were issued until then end; default: now
   */
  readonly all: (
    transaction: Transaction,
    owner: Owner,
    reason: Exclude<OwnerEndReason, 'deleted'>,
    actor: Actor,
    until?: Date,
  ) => Promise<Ended>;
};

export const createEndCredentials = ({ audit, clock, removeWebhooks }: EndCredentialsDeps): EndCredentials => {
  const keys: EndCredentials['keys'] = async (transaction, owner, actor) => {
    // A transaction that stores a key or a webhook is waited for, so that its row is ended too.
    await takeOwnerTurn(transaction.query, credentialsTurn(owner));
    return endKeys(transaction, 'owner', [owner.kind, owner.id], { audit, actor, at: clock.now() });
  };

  const sessionsAndFamilies = async (
    transaction: Transaction,
    userId: string,
    reason: EndSignInsOptions['reason'],
  ): Promise<SignInsEnd> => {
    await endAddressChange(transaction, userId);
    const { sessions, refreshFamilies, tokens } = await endSignIns(transaction, userId, { at: clock.now(), reason });
    return { ended: { sessions, refresh_families: refreshFamilies }, tokens };
  };

  /**
   * Ends access tokens by their time of issue, because tokens of clients and legacy tokens have no refresh family. SQL,
   * because the stored reason decides about the new one.
   */
  const endIssued = async (
    { query }: Transaction,
    { kind, id }: Owner,
    reason: OwnerEndReason,
    until = clock.now(),
  ): Promise<void> => {
    await query(
      `insert into owner_end as ended (owner_kind, owner_id, reason, ended_at) values ($1, $2, $3, $4)
       on conflict (owner_kind, owner_id) do update set ended_at = greatest(ended.ended_at, excluded.ended_at),
         reason = case when ended.reason = 'disabled' and excluded.reason = 'tokens_ended'
           then ended.reason else excluded.reason end`,
      [kind, id, reason, until],
    );
  };

  return {
    key: async (transaction, id, actor) =>
      isAccountId(id) ? endKeys(transaction, 'id', [id], { audit, actor, at: clock.now() }) : 0,

    keys,

    signIns: async (transaction, id, reason) => {
      const ended = await sessionsAndFamilies(transaction, id, reason);
      await endTokensIssuedBefore(transaction, { kind: 'user', id }, clock.now());
      return ended;
    },

    all: async (transaction, owner, reason, actor, until) => {
      const endedKeys = await keys(transaction, owner, actor);
      const none = { sessions: 0, refresh_families: 0 };
      const hasAccount = owner.kind === 'user' && isAccountId(owner.id);
      if (hasAccount) await endPasswordResets(transaction, owner.id);
      const signIns = hasAccount ? (await sessionsAndFamilies(transaction, owner.id, 'operator')).ended : none;
      await endIssued(transaction, owner, reason, until);
      return { api_keys: endedKeys, ...signIns, webhooks: await removeWebhooks(transaction, owner, actor) };
    },
  };
};
