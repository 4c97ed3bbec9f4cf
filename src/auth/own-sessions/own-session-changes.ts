import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { EndCredentials } from '../owners/end-credentials.ts';
import { endLegacyTokens, endSecondSteps } from '../sessions/end-sign-ins.ts';
import { lockAccount } from '../users/users.ts';
import type { Sessions } from '../sessions/session.ts';
import type { RefreshTokens } from '../tokens/refresh-tokens.ts';
import type { EndedToken, Revocations } from '../tokens/revocations.ts';
import {
  liveOwnSessionsSql,
  liveParameters,
  userOf,
  type LiveParametersDeps,
  type OwnSessionRow,
  type OwnSessions,
} from './own-session.ts';

export type OwnSessionChangesDeps = LiveParametersDeps & {
  readonly unitOfWork: UnitOfWork;
  readonly audit: AuditTrail;
  readonly sessions: Sessions;
  readonly refreshTokens: RefreshTokens;
  readonly revocations: Revocations;
  readonly end: EndCredentials;
};

const operation = 'auth.logout';

/** Ends own sign-ins of a user, each with its audit event. */
export const createOwnSessionChanges = (deps: OwnSessionChangesDeps): Pick<OwnSessions, 'end' | 'endAll'> => {
  const { unitOfWork, audit, sessions, refreshTokens, revocations, end } = deps;

  /** @returns the tokens to announce after the commit */
  const endOne = async (transaction: Transaction, { id, kind }: Pick<OwnSessionRow, 'id' | 'kind'>) => {
    if (kind === 'tokens') return refreshTokens.endFamily(transaction, id, 'signed_out');
    await sessions.end(transaction, id);
    return [];
  };

  return {
    end: async (caller, id) => {
      const user = userOf(caller);
      const ended = await unitOfWork.run({ operation }, async (transaction) => {
        await lockAccount(transaction, user);
        const [found] = await transaction.query<OwnSessionRow>(
          `select * from (${liveOwnSessionsSql}) as live where id = $6`,
          [...liveParameters(deps, caller), id],
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
      const ended = await unitOfWork.run({ operation }, async (transaction) => {
        await lockAccount(transaction, user);
        const tokens: EndedToken[] = [];
        const rows = await transaction.query<OwnSessionRow>(
          `select * from (${liveOwnSessionsSql}) as live`,
          liveParameters(deps, caller),
        );
        const chosen = rows.filter(({ current }) => !keepCurrent || !current);
        if (!keepCurrent) tokens.push(...(await end.signIns(transaction, user, 'signed_out')).tokens);
        else {
          await endSecondSteps(transaction.query, user);
          await endLegacyTokens(transaction, user, caller, deps.clock.now());
          for (const row of chosen) tokens.push(...(await endOne(transaction, row)));
        }
        // Events stay for good, so the end of nothing has none.
        if (chosen.length === 0) return tokens;
        await audit.record(transaction, {
          stream: `user:${user}`,
          action: 'user.sessions_ended',
          outcome: 'success',
          target: user,
          data: { sessions: chosen.length },
        });
        return tokens;
      });
      revocations.announce(ended);
    },
  };
};
