import { LockMode } from '@mikro-orm/core';
import { lockNames } from '#src/kernel/catalogue/lock-names.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { AuditActor, AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Mail } from '#src/kernel/ports/account/mail.ts';
import type { Owners } from '#src/kernel/ports/owners.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import { isAccountId } from '#src/kernel/requests/unknown-user.ts';
import type { Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { scopes as allScopes, type Scope } from '#src/kernel/requests/principal.ts';
import { currentRequest } from '#src/kernel/requests/request-context.ts';
import { heldScopes } from '#src/kernel/ports/roles.ts';
import { UserAccountEntity } from '../account-entities.ts';
import { disableUser, enableUser } from '../owners/disabled-users.ts';
import type { EndCredentials, EndedSignIns } from '../owners/end-credentials.ts';
import { removeSecondFactor } from '../second-factor/second-factors.ts';
import type { Revocations } from '../tokens/revocations.ts';
import { adminScope, assertOtherAdministrator, createRefusalRecord, isAdministrator } from './last-administrator.ts';
import { createUserAdminReads, type UserAdminReads, type UserAdminReadsDeps } from './user-admin-reads.ts';
import { existingUser, userNotFound, type ManagedUser } from './user-queries.ts';

export type UserAdminDeps = UserAdminReadsDeps & {
  readonly unitOfWork: UnitOfWork;
  readonly audit: AuditTrail;
  /** On the command line `noMail`: the user asked the operator for the removal of the second factor. */
  readonly mail: Mail;
  readonly logger: Logger;
  /** On the command line it is never asked, because there is no caller. */
  readonly owners: Pick<Owners, 'assertHolds'>;
  readonly end: EndCredentials;
  /** Whether only a user whose address is verified gets rights: where messages reach people. */
  readonly verifiedForRights: boolean;
  /** Not on the command line, whose process checks no tokens. Running instances see the ended tokens at their next poll. */
  readonly revocations?: Pick<Revocations, 'announce'>;
};

export type UserChanges = {
  readonly role?: string | undefined;
  /** Scopes of the account, beside those of the role. */
  readonly scopes?: readonly Scope[] | undefined;
  readonly disabled?: boolean | undefined;
};

/**
 * `operator`: the command line, which can also change the last administrator, because it can make another one. Undefined:
 * the caller of the request.
 */
type By = 'operator' | undefined;

/** Each method with an id throws AppError `resource_not_found` for an unknown user. */
export type UserAdmin = UserAdminReads & {
  /**
   * Changes role, scopes and state of a user. Instances apply the change after OWNER_CACHE_MS.
   * @param decide returns the changes. The user is locked until they are stored, so no other change comes between
   * @throws AppError `last_administrator`, `email_not_verified` for more rights of an address that nobody has proved, or the error of `decide`
   */
  readonly change: (id: string, decide: (user: ManagedUser) => UserChanges, by: By) => Promise<ManagedUser>;
  /** For a user who has lost the authenticator and the recovery codes. @throws AppError `resource_not_found` without a second factor */
  readonly removeSecondFactor: (id: string, by: By) => Promise<void>;
  /** Ends sessions, refresh tokens and access tokens of a user. API keys stay. @returns numbers of ended rows */
  readonly endSessions: (id: string, by: By) => Promise<EndedSignIns>;
};

const operation = 'auth.user_admin';
const operator: AuditActor = { kind: 'operator', subject: null };

const sameScopes = (left: readonly Scope[], right: readonly Scope[]): boolean =>
  left.length === right.length && left.every((scope) => right.includes(scope));

const unproved = ({ contested }: Pick<ManagedUser, 'contested'>): AppError =>
  new AppError(
    'email_not_verified',
    contested
      ? 'Several people registered this address. Its owner must reset the password by mail before the account gets rights'
      : 'The owner must confirm the address before the account gets rights, because anybody can register it',
  );

/** Administration of users, for the routes under `/users` and the command line. */
export const createUserAdmin = (deps: UserAdminDeps): UserAdmin => {
  const { unitOfWork, audit, logger, owners, roles, end, verifiedForRights, revocations, mail } = deps;

  /**
   * The caller of a request may have ended or lost its rights while the transaction waited; the command line has none.
   * @throws AppError as the authentication if the credential of the caller has ended or may not administer users any more
   */
  const assertCallerAdministers = async ({ query }: Transaction): Promise<void> => {
    const caller = currentRequest()?.principal;
    if (caller) await owners.assertHolds(query, caller, adminScope);
  };

  /**
   * Locks the user until the end of the transaction.
   * @throws AppError `resource_not_found`, and as `assertCallerAdministers`
   */
  const lock = async (transaction: Transaction, id: string) => {
    const lockMode = LockMode.PESSIMISTIC_WRITE;
    const user = isAccountId(id) && (await transaction.em.findOne(UserAccountEntity, { id }, { lockMode }));
    if (!user) throw userNotFound();
    await assertCallerAdministers(transaction);
    return user;
  };

  const recordingRefusal = createRefusalRecord({ unitOfWork, audit });

  const recordRights = (
    transaction: Transaction,
    {
      before,
      after,
      actor,
    }: {
      readonly before: ManagedUser;
      readonly after: Pick<ManagedUser, 'role' | 'scopes'>;
      readonly actor: AuditActor | undefined;
    },
  ): Promise<void> =>
    audit.record(transaction, {
      stream: `user:${before.id}`,
      action: 'user.changed',
      outcome: 'success',
      ...(actor && { actor }),
      target: before.id,
      data: {
        role: after.role,
        scopes: after.scopes,
        previous_role: before.role,
        previous_scopes: before.scopes,
      },
    });

  /** Anybody can register an address, and has the password of the account then. */
  const assertMayGain = (before: ManagedUser, after: Pick<ManagedUser, 'role' | 'scopes'>): void => {
    const held = heldScopes(roles, before);
    const gains = heldScopes(roles, after).some((scope) => !held.includes(scope));
    if (!gains || before.verified || before.imported) return;
    if (before.contested || verifiedForRights) throw unproved(before);
  };

  const apply = (id: string, decide: (user: ManagedUser) => UserChanges, by: By) =>
    unitOfWork.run({ operation, alone: lockNames.account(id) }, async (transaction) => {
      const user = await lock(transaction, id);
      const before = await existingUser(transaction.query, roles, id);
      const wanted = decide(before);
      const scopes = wanted.scopes && allScopes.filter((scope) => wanted.scopes?.includes(scope));
      const after = {
        role: wanted.role ?? before.role,
        scopes: scopes ?? before.scopes,
        disabled: wanted.disabled ?? before.disabled,
      };
      const endsAdministrator = isAdministrator(roles, before) && !isAdministrator(roles, after);
      if (endsAdministrator && by !== 'operator') {
        await assertOtherAdministrator(transaction, roles, id);
        // It waits for the change of another administrator, which may have ended this one.
        await assertCallerAdministers(transaction);
      }
      const actor = by && operator;
      const changed: string[] = [];
      if (after.role !== before.role || !sameScopes(after.scopes, before.scopes)) {
        assertMayGain(before, after);
        Object.assign(user, { role: after.role, scopes: [...after.scopes], version: user.version + 1 });
        await recordRights(transaction, { before, after, actor });
        changed.push('rights');
      }
      if (after.disabled !== before.disabled) {
        if (after.disabled) await disableUser({ audit, end, transaction, user, actor });
        else await enableUser({ audit, transaction, user, actor });
        changed.push(after.disabled ? 'disabled' : 'enabled');
      }
      await transaction.em.flush();
      return { user: await existingUser(transaction.query, roles, id), changed };
    });

  return {
    ...createUserAdminReads(deps),

    change: async (id, decide, by) => {
      const { user, changed } = await recordingRefusal(id, () => apply(id, decide, by));
      if (changed.length > 0) logger.info({ changed }, 'a user was changed by an administrator');
      return user;
    },

    removeSecondFactor: (id, by) =>
      unitOfWork.run({ operation, alone: lockNames.account(id) }, async (transaction) => {
        await lock(transaction, id);
        const removed = await removeSecondFactor(transaction, id, { audit, mail, actor: by && operator });
        if (removed === 'none') throw new AppError('resource_not_found', 'The user has no second factor');
      }),

    endSessions: async (id, by) => {
      const { ended, tokens } = await unitOfWork.run(
        { operation, alone: lockNames.account(id) },
        async (transaction) => {
          await lock(transaction, id);
          const done = await end.signIns(transaction, id, 'operator');
          const actor = by && operator;
          await audit.record(transaction, {
            stream: `user:${id}`,
            action: 'user.sessions_ended',
            outcome: 'success',
            ...(actor && { actor }),
            target: id,
            data: { ...done.ended },
          });
          return done;
        },
      );
      revocations?.announce(tokens);
      logger.info({ ...ended }, 'the sessions of a user were ended by an administrator');
      return ended;
    },
  };
};
