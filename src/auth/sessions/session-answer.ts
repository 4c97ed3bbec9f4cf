import { z } from 'zod';
import { noStore, tokenAnswer } from '../tokens/token-answer.ts';
import type { User } from '../users/users.ts';
import type { SessionCookies } from './cookies.ts';
import type { NewSession } from './session.ts';

const sessionAnswer = z
  .strictObject({ csrf_token: z.string(), expires_in: z.int(), scope: z.string() })
  .meta({ id: 'Session' });

/** The answer to a sign-in: tokens, or a session. */
export const loginAnswer = z.union([tokenAnswer, sessionAnswer]).meta({ id: 'LoginAnswer' });

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
