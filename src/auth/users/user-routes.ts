import { z } from 'zod';
import { boundedText } from '#src/kernel/requests/texts/bounded-text.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import type { Accounts } from './accounts.ts';
import { sessionTokenFrom, type SessionCookies } from '../sessions/cookies.ts';
import { loginAnswer, toSessionReply } from '../sessions/session-answer.ts';
import type { Measure } from '../measured.ts';
import { acceptedAnswer, emailInput } from './account-inputs.ts';
import { maxPasswordCharacters } from './password-rules.ts';
import { inTimeSteps, refusalsInTimeSteps } from '../sign-in/time-steps.ts';
import { noStore, toTokenAnswer } from '../tokens/token-answer.ts';

export type AccountRoutesDeps = {
  readonly accounts: Accounts;
  readonly cookies: SessionCookies;
  readonly measure: Measure;
};

const credentialFields = { email: emailInput, password: boundedText(maxPasswordCharacters).min(1) };

const signInRoute = { tag: 'Authentication', auth: 'public', rateLimit: 'login' } as const;

/** The routes `POST /auth/register`, `/auth/login` and `/auth/logout`. */
export const accountRoutes = ({ accounts, cookies, measure }: AccountRoutesDeps): Route[] => [
  defineRoute({
    ...signInRoute,
    method: 'POST',
    load: 'none',
    path: '/auth/register',
    summary: 'Create an account',
    description: 'The answer does not reveal whether the address already has an account.',
    request: { body: z.strictObject(credentialFields).meta({ id: 'Registration' }) },
    responses: { 202: acceptedAnswer },
    errors: ['overloaded', 'quota_exceeded', 'auth_service_error'],
    handler: async ({ body }) => {
      await measure('register', () => inTimeSteps(() => accounts.register(body)));
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
      headers: z.object({
        cookie: z.string().optional(),
        'user-agent': z.string().optional(),
        host: z.string().optional(),
        origin: z.string().optional(),
        'sec-fetch-site': z.string().optional(),
        'sec-fetch-storage-access': z.string().optional(),
      }),
      body: z.strictObject({ ...credentialFields, session: z.boolean().optional() }).meta({ id: 'LoginRequest' }),
    },
    responses: { 200: loginAnswer },
    errors: [
      'credentials_invalid',
      'second_factor_required',
      'session_cross_site',
      'session_insecure',
      'quota_exceeded',
      'overloaded',
      'auth_service_error',
    ],
    problemMembers: z
      .looseObject({
        second_factor_token: z
          .string()
          .optional()
          .describe('With second_factor_required: the token of the second step'),
        expires_in: z.int().optional().describe('Seconds until the token of the second step expires'),
      })
      .meta({ title: 'SignIn' }),
    handler: async ({ headers, body: { session: wantsSession, ...credentials }, context: { clientIp } }) => {
      const signIn = { ...credentials, clientIp, userAgent: headers['user-agent'] };
      if (!wantsSession) {
        const pair = await measure('login', () => refusalsInTimeSteps(() => accounts.login(signIn)));
        return { status: 200 as const, headers: noStore, body: toTokenAnswer(pair) };
      }
      cookies.assertUsable(headers);
      const session = await measure('login', () =>
        refusalsInTimeSteps(() => accounts.openSession(signIn, sessionTokenFrom(headers))),
      );
      return toSessionReply(cookies, session, session.user);
    },
  }),
  defineRoute({
    method: 'POST',
    load: 'none',
    path: '/auth/logout',
    tag: 'Authentication',
    summary: 'End the session, or the access token with its refresh family',
    auth: 'program',
    rateLimit: 'recovery',
    request: {},
    responses: { 204: null },
    errors: [],
    handler: async ({ context: { principal } }) => {
      if (!principal) throw new AppError('auth_service_error');
      await measure('revoke', () => accounts.logout(principal));
      // The browser deletes its cache and storage of this origin. Not "cookies", because other services may have set some.
      const cleared = { 'Set-Cookie': cookies.cleared, 'Clear-Site-Data': '"cache", "storage"' };
      const headers = principal.sessionId === undefined ? {} : cleared;
      return { status: 204 as const, body: null, headers };
    },
  }),
];
