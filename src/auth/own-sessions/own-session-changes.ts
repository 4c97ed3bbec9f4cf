import { AppError } from '#src/kernel/catalogue/errors.ts';
import { lockNames } from '#src/kernel/catalogue/lock-names.ts';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import type { Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { assertCredentialLives } from '../owners/credential-lives.ts';
import type { EndCredentials } from '../owners/end-credentials.ts';
import { endAddressChange } from '../letters/end-requests.ts';
import { endLegacyTokens, endSignIns } from '../sessions/end-sign-ins.ts';
import { lockAccount } from '../users/users.ts';
import type { Sessions } from '../sessions/session.ts';
import type { RefreshTokens } from '../tokens/refresh-tokens.ts';
import type { EndedToken, Revocations } from '../tokens/revocations.ts';
import { ownSessionsSql, userOf, type OwnSessionRow, type OwnSessions } from './own-session.ts';

export type OwnSessionChangesDeps = {
  readonly clock: Clock;
  readonly unitOfWork: UnitOfWork;
  readonly audit: AuditTrail;
  readonly sessions: Sessions;
  readonly refreshTokens: RefreshTokens;
  readonly revocations: Revocations;
  readonly end: EndCredentials;
};

const operation = 'auth.logout';

/** @throws AppError as the authentication if the sign-in of the caller has ended meanwhile: its owner may have ended it, and must keep the others */
const lockFor = async (transaction: Transaction, user: string, caller: Principal): Promise<void> => {
  await lockAccount(transaction, user);
  await assertCredentialLives(transaction.query, caller);
};

/** Ends own sign-ins of a user, each with its audit event. */
export const createOwnSessionChanges = (deps: OwnSessionChangesDeps): Pick<OwnSessions, 'end' | 'endAll'> => {
  const { unitOfWork, audit, clock, sessions, refreshTokens, revocations, end } = deps;

  /** @returns the tokens to announce after the commit */
  const endOne = async (transaction: Transaction, { id, kind }: Pick<OwnSessionRow, 'id' | 'kind'>) => {
    if (kind === 'tokens') return refreshTokens.endFamily(transaction, id, 'signed_out');
    await sessions.end(transaction, id);
    return [];
  };

  type Ended = { readonly number: number; readonly tokens: readonly EndedToken[] };

  const endOthers = async (transaction: Transaction, user: string, caller: Principal): Promise<Ended> => {
    const { sessionId, tokenId } = caller;
    const at = clock.now();
    const keep = { sessionId, tokenId };
    const ended = await endSignIns(transaction, user, { at, reason: 'signed_out', keep });
    await endLegacyTokens(transaction, user, caller, at);
    await endAddressChange(transaction, user);
    return { number: ended.sessions + ended.refreshFamilies, tokens: ended.tokens };
  };

  const endEach = async (transaction: Transaction, user: string): Promise<Ended> => {
    const { ended, tokens } = await end.signIns(transaction, user, 'signed_out');
    return { number: ended.sessions + ended.refresh_families, tokens };
  };

  return {
    end: async (caller, id) => {
      const user = userOf(caller);
      const ended = await unitOfWork.run({ operation, alone: lockNames.account(user) }, async (transaction) => {
        await lockFor(transaction, user, caller);
        const [found] = await transaction.query<Pick<OwnSessionRow, 'id' | 'kind'>>(
          `select * from (${ownSessionsSql}) as own where id = $2`,
          [user, id],
        );
        if (!found) throw new AppError('resource_not_found', 'There is no such session');
        const tokens = await endOne(transaction, found);
        await audit.record(transaction, {
          stream: `user:${user}`,
          action: 'user.signed_out',
          outcome: 'success',
          target: id,
        });
        return tokens;
      });
      revocations.announce(ended);
    },

    endAll: async (caller, { keepCurrent }) => {
      const user = userOf(caller);
      const ended = await unitOfWork.run({ operation, alone: lockNames.account(user) }, async (transaction) => {
        await lockFor(transaction, user, caller);
        const { number, tokens } = keepCurrent
          ? await endOthers(transaction, user, caller)
          : await endEach(transaction, user);
        // Events stay for good, so the end of nothing has none.
        if (number === 0) return tokens;
        await audit.record(transaction, {
          stream: `user:${user}`,
          action: 'user.sessions_ended',
          outcome: 'success',
          target: user,
          data: { sessions: number },
        });
        return tokens;
      });
      revocations.announce(ended);
    },
  };
};
