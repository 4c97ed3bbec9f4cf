import { z } from 'zod';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import type { Accounts } from './accounts.ts';
import { clearedSessionCookie, sessionTokenFrom, setSessionCookie } from '../sessions/cookies.ts';
import type { Measure } from '../measured.ts';
import { longestPassword } from './password-rules.ts';
import { noStore, toTokenAnswer, tokenAnswer } from '../tokens/token-answer.ts';

export type AccountRoutesDeps = { readonly accounts: Accounts; readonly measure: Measure };

/** RFC 5321: at most 254 characters. Blanks around an address are the keyboard's. */
const email = z.preprocess((value) => (typeof value === 'string' ? value.trim() : value), z.email().max(254));

const credentials = { email, password: z.string().min(1).max(longestPassword) };

const sessionAnswer = z.strictObject({ csrf_token: z.string(), expires_in: z.int(), scope: z.string() });

const open = { tag: 'auth', auth: 'public', rateLimit: 'login' } as const;

/** `POST /auth/register`, `/auth/login`, `/auth/logout`. */
export const accountRoutes = ({ accounts, measure }: AccountRoutesDeps): Route[] => [
  defineRoute({
    ...open,
    method: 'POST',
    load: 'none',
    path: '/auth/register',
    summary: 'Make an account; the answer does not tell whether the address had one',
    request: { body: z.strictObject(credentials) },
    responses: { 202: z.strictObject({ status: z.literal('accepted') }) },
    errors: ['overloaded', 'quota_exceeded', 'auth_service_error'],
    handler: async ({ body }) => {
      await measure('register', () => accounts.register(body));
      return { status: 202 as const, headers: noStore, body: { status: 'accepted' as const } };
    },
  }),
  defineRoute({
    ...open,
    method: 'POST',
    load: 'none',
    path: '/auth/login',
    summary: 'Sign in with e-mail and password: for tokens, or with `session` for a cookie and its CSRF token',
    request: {
      headers: z.object({ cookie: z.string().optional() }),
      body: z.strictObject({ ...credentials, session: z.boolean().optional() }),
    },
    responses: { 200: z.union([tokenAnswer, sessionAnswer]) },
    errors: ['credentials_invalid', 'overloaded', 'auth_service_error'],
    handler: async ({ headers, body: { session: wantsSession, ...shown }, context: { clientIp } }) => {
      const signIn = { ...shown, clientIp };
      if (!wantsSession) {
        const pair = await measure('login', () => accounts.login(signIn));
        return { status: 200 as const, headers: noStore, body: toTokenAnswer(pair) };
      }
      const session = await measure('login', () => accounts.openSession(signIn, sessionTokenFrom(headers)));
      return {
        status: 200 as const,
        headers: { ...noStore, 'Set-Cookie': setSessionCookie(session.token, session.expiresInSeconds) },
        body: {
          csrf_token: session.csrfToken,
          expires_in: session.expiresInSeconds,
          scope: session.user.scopes.join(' '),
        },
      };
    },
  }),
  defineRoute({
    method: 'POST',
    load: 'none',
    path: '/auth/logout',
    tag: 'auth',
    summary: 'End the session, or the access token with its refresh family',
    auth: 'authenticated',
    rateLimit: 'caller',
    request: {},
    responses: { 204: null },
    errors: [],
    handler: async ({ context: { principal } }) => {
      if (!principal) throw new AppError('auth_service_error');
      await measure('revoke', () => accounts.logout(principal));
      // What the browser kept of the session's pages goes with it. Not "cookies": those of other pages are not ours.
      const cleared = { 'Set-Cookie': clearedSessionCookie, 'Clear-Site-Data': '"cache", "storage"' };
      const headers = principal.sessionId === undefined ? {} : cleared;
      return { status: 204 as const, body: null, headers };
    },
  }),
];
