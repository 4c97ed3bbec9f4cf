import { z } from 'zod';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import type { Accounts } from './accounts.ts';
import { clearedSessionCookie, sessionTokenFrom, setSessionCookie } from '../sessions/cookies.ts';
import type { Measure } from '../measured.ts';
import { emailInput } from './account-inputs.ts';
import { maxPasswordCharacters } from './password-rules.ts';
import { atEvenTimes } from '../sign-in/even-time.ts';
import { noStore, toTokenAnswer, tokenAnswer } from '../tokens/token-answer.ts';

export type AccountRoutesDeps = { readonly accounts: Accounts; readonly measure: Measure };

const credentialFields = { email: emailInput, password: z.string().min(1).max(maxPasswordCharacters) };

const sessionAnswer = z
  .strictObject({ csrf_token: z.string(), expires_in: z.int(), scope: z.string() })
  .meta({ id: 'Session' });

const signInRoute = { tag: 'Authentication', auth: 'public', rateLimit: 'login' } as const;

/** The routes `POST /auth/register`, `/auth/login` and `/auth/logout`. */
export const accountRoutes = ({ accounts, measure }: AccountRoutesDeps): Route[] => [
  defineRoute({
    ...signInRoute,
    method: 'POST',
    load: 'none',
    path: '/auth/register',
    summary: 'Create an account',
    description: 'The answer does not reveal whether the address already has an account.',
    request: { body: z.strictObject(credentialFields).meta({ id: 'Registration' }) },
    responses: { 202: z.strictObject({ status: z.literal('accepted') }).meta({ id: 'Accepted' }) },
    errors: ['overloaded', 'quota_exceeded', 'auth_service_error'],
    handler: async ({ body }) => {
      await measure('register', () => atEvenTimes(() => accounts.register(body)));
      return { status: 202 as const, headers: noStore, body: { status: 'accepted' as const } };
    },
  }),
  defineRoute({
    ...signInRoute,
    method: 'POST',
    load: 'none',
    path: '/auth/login',
    summary: 'Sign in with e-mail and password',
    description: 'The answer has tokens. With `session: true` it sets the session cookie and has the CSRF token.',
    request: {
      headers: z.object({ cookie: z.string().optional() }),
      body: z.strictObject({ ...credentialFields, session: z.boolean().optional() }).meta({ id: 'LoginRequest' }),
    },
    responses: { 200: z.union([tokenAnswer, sessionAnswer]).meta({ id: 'LoginAnswer' }) },
    errors: ['credentials_invalid', 'quota_exceeded', 'overloaded', 'auth_service_error'],
    handler: async ({ headers, body: { session: wantsSession, ...credentials }, context: { clientIp } }) => {
      const signIn = { ...credentials, clientIp };
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
    tag: 'Authentication',
    summary: 'End the session, or the access token with its refresh family',
    auth: 'authenticated',
    rateLimit: 'caller',
    request: {},
    responses: { 204: null },
    errors: [],
    handler: async ({ context: { principal } }) => {
      if (!principal) throw new AppError('auth_service_error');
      await measure('revoke', () => accounts.logout(principal));
      // The browser deletes its cache and storage of this origin. Not "cookies", because other services may have set some.
      const cleared = { 'Set-Cookie': clearedSessionCookie, 'Clear-Site-Data': '"cache", "storage"' };
      const headers = principal.sessionId === undefined ? {} : cleared;
      return { status: 204 as const, body: null, headers };
    },
  }),
];
