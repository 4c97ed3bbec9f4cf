import { z } from 'zod';
import { noStore } from '../tokens/token-answer.ts';
import type { User } from '../users/users.ts';
import type { SessionCookies } from './cookies.ts';
import type { NewSession } from './sessions.ts';

export const sessionAnswer = z.strictObject({ csrf_token: z.string(), expires_in: z.int(), scope: z.string() });

/** The answer to a sign-in that opened a session. */
export const toSessionReply = (cookies: SessionCookies, session: NewSession, user: User) => ({
  status: 200 as const,
  headers: { ...noStore, 'Set-Cookie': cookies.set(session.token, session.expiresInSeconds) },
  body: {
    csrf_token: session.csrfToken,
    expires_in: session.expiresInSeconds,
    scope: user.scopes.join(' '),
  },
});
