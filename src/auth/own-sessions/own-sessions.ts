import { createOwnSessionChanges, type OwnSessionChangesDeps } from './own-session-changes.ts';
import { createOwnSessionReads, type OwnSessionReadsDeps } from './own-session-reads.ts';
import type { OwnSessions } from './own-session.ts';

export type OwnSessionsDeps = OwnSessionReadsDeps & OwnSessionChangesDeps;

/** The own sign-ins of a user. */
export const createOwnSessions = (deps: OwnSessionsDeps): OwnSessions => ({
  ...createOwnSessionReads(deps),
  ...createOwnSessionChanges(deps),
});
