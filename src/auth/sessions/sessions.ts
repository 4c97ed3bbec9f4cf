import { createHmac, timingSafeEqual } from 'node:crypto';
import { createSessionChanges, type SessionChangesDeps } from './session-changes.ts';
import { createSessionReads, type SessionReadsDeps } from './session-reads.ts';
import type { Sessions } from './session.ts';

export type SessionsDeps = SessionReadsDeps &
  Omit<SessionChangesDeps, 'csrfToken'> & {
    /** Key of the CSRF tokens. */
    readonly csrfSecret: Uint8Array;
  };

export const createSessions = (deps: SessionsDeps): Sessions => {
  const csrfToken = (sessionToken: string): string =>
    createHmac('sha256', deps.csrfSecret).update(sessionToken).digest('base64url');

  return {
    ...createSessionReads(deps),
    ...createSessionChanges({ ...deps, csrfToken }),
    csrfToken,
    matchesCsrfToken: (sessionToken, shown) => {
      const expected = Buffer.from(csrfToken(sessionToken));
      const given = Buffer.from(shown);
      return given.length === expected.length && timingSafeEqual(given, expected);
    },
  };
};
