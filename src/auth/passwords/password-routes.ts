import { z } from 'zod';
import { boundedText } from '#src/kernel/requests/texts/bounded-text.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import type { Measure } from '../measured.ts';
import { inTimeSteps } from '../sign-in/time-steps.ts';
import { noStore } from '../tokens/token-answer.ts';
import { acceptedAnswer, emailInput, tokenInput } from '../users/account-inputs.ts';
import { maxPasswordCharacters } from '../users/password-rules.ts';
import type { Passwords } from './passwords.ts';

export type PasswordRoutesDeps = { readonly passwords: Passwords; readonly measure: Measure };

const password = boundedText(maxPasswordCharacters).min(1);
const common = { tag: 'Account', load: 'none' } as const;
const resetPath = '/account/password-reset';

/** The routes `POST /account/password`, `POST /account/password-reset` and `PUT /account/password-reset`. */
export const passwordRoutes = ({ passwords, measure }: PasswordRoutesDeps): Route[] => [
  defineRoute({
    ...common,
    method: 'POST',
    path: '/account/password',
    summary: 'Change the password of the caller. All other sessions and refresh tokens of the caller are ended',
    auth: 'account',
    rateLimit: 'login',
    request: {
      body: z.strictObject({ current_password: password, new_password: password }).meta({ id: 'PasswordChange' }),
    },
    responses: { 204: null },
    errors: ['credentials_invalid', 'resource_not_found', 'quota_exceeded', 'overloaded'],
    handler: async ({ body, context: { principal, clientIp } }) => {
      if (!principal) throw new AppError('auth_service_error');
      const given = { current: body.current_password, next: body.new_password };
      await measure('password_change', () => passwords.change(principal, given, clientIp));
      return { status: 204 as const, body: null };
    },
  }),
  defineRoute({
    ...common,
    method: 'POST',
    path: resetPath,
    summary:
      'Request an e-mail with a password reset token. The answer does not reveal whether the address has an account',
    auth: 'public',
    rateLimit: 'login',
    request: { body: z.strictObject({ email: emailInput }).meta({ id: 'PasswordResetRequest' }) },
    responses: { 202: acceptedAnswer },
    errors: ['mail_not_configured', 'quota_exceeded', 'auth_service_error'],
    handler: async ({ body: { email } }) => {
      await measure('password_reset_request', () => inTimeSteps(() => passwords.requestReset(email)));
      return { status: 202 as const, headers: noStore, body: { status: 'accepted' as const } };
    },
  }),
  defineRoute({
    ...common,
    method: 'PUT',
    path: resetPath,
    summary: 'Set a new password with the token from the e-mail. All sessions and refresh tokens of the user are ended',
    auth: 'public',
    rateLimit: 'login',
    request: { body: z.strictObject({ token: tokenInput, new_password: password }).meta({ id: 'PasswordReset' }) },
    responses: { 204: null },
    errors: ['account_token_invalid', 'overloaded', 'auth_service_error'],
    handler: async ({ body, context: { clientIp } }) => {
      await measure('password_reset', () => passwords.reset(body.token, body.new_password, clientIp));
      return { status: 204 as const, body: null };
    },
  }),
];
