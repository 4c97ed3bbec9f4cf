import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import type { TaggedSecrets } from '#src/kernel/credentials/tagged-secrets.ts';
import { UserAccountEntity, UserSessionEntity } from '../account-entities.ts';
import { tokenDigest } from '../secrets/opaque-token.ts';
import type { Sessions } from './session.ts';

export type SessionChangesDeps = {
  readonly clock: Clock;
  readonly audit: AuditTrail;
  readonly taggedSecrets: TaggedSecrets;
  /** Max age of a session, counted from the sign-in. */
  readonly lifetimeSeconds: number;
  readonly csrfToken: Sessions['csrfToken'];
};

const prefix = 'vws_';

/** Changes, which belong to the unit of work of the caller. */
export const createSessionChanges = (deps: SessionChangesDeps): Pick<Sessions, 'open' | 'end'> => {
  const { clock, audit, taggedSecrets, lifetimeSeconds, csrfToken } = deps;
  return {
    open: async (transaction, user, origin, previous) => {
      const { em } = transaction;
      const token = taggedSecrets.create(prefix);
      const now = clock.now();
      const ended = previous && (await em.findOne(UserSessionEntity, { tokenHash: tokenDigest(previous) }));
      if (ended) em.remove(ended);
      if (ended && ended.user.id !== user.id) {
        await audit.record(transaction, {
          stream: `user:${ended.user.id}`,
          action: 'user.signed_out',
          outcome: 'success',
          target: ended.id,
        });
      }
      em.create(UserSessionEntity, {
        id: uuidv7(),
        tokenHash: tokenDigest(token),
        user: em.getReference(UserAccountEntity, user.id),
        createdAt: now,
        seenAt: now,
        expiresAt: new Date(now.getTime() + lifetimeSeconds * 1000),
        ...origin,
      });
      return { token, csrfToken: csrfToken(token), expiresInSeconds: lifetimeSeconds };
    },

    end: async ({ em }, sessionId) => (await em.nativeDelete(UserSessionEntity, { id: sessionId })) > 0,
  };
};
