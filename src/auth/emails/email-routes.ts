import { z } from 'zod';
import { boundedText } from '#src/kernel/requests/texts/bounded-text.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import type { Measure } from '../measured.ts';
import { inTimeSteps } from '../sign-in/time-steps.ts';
import { noStore } from '../tokens/token-answer.ts';
import { acceptedAnswer, emailInput, tokenInput } from '../users/account-inputs.ts';
import { maxPasswordCharacters } from '../users/password-rules.ts';
import { emailStatuses, type Emails } from './emails.ts';

export type EmailRoutesDeps = { readonly emails: Emails; readonly measure: Measure };

const common = { tag: 'Account', load: 'none', path: '/account/email' } as const;

/** The routes `POST /account/email` and `PUT /account/email`. */
export const emailRoutes = ({ emails, measure }: EmailRoutesDeps): Route[] => [
  defineRoute({
    ...common,
    method: 'POST',
    summary: 'Ask for another e-mail address. Both addresses get a message; for the own address: a new verification',
    auth: 'account',
    rateLimit: 'login',
    request: {
      body: z
        .strictObject({ email: emailInput, current_password: boundedText(maxPasswordCharacters).min(1) })
        .meta({ id: 'EmailChange' }),
    },
    responses: { 202: acceptedAnswer },
    errors: ['credentials_invalid', 'resource_not_found', 'mail_not_configured', 'quota_exceeded', 'overloaded'],
    handler: async ({ body: { email, current_password: password }, context: { principal, clientIp } }) => {
      if (!principal) throw new AppError('auth_service_error');
      await measure('email_change_request', () =>
        inTimeSteps(() => emails.requestChange(principal, { email, password }, clientIp)),
      );
      return { status: 202 as const, headers: noStore, body: { status: 'accepted' as const } };
    },
  }),
  defineRoute({
    ...common,
    method: 'PUT',
    summary: 'Confirm an e-mail address with the token of a message',
    description:
      'Verifies the address of an account, or confirms or approves a change of it. A new address is confirmed with the credentials of the user who asked for it; the other tokens need none.',
    // The token is a secret of the request, so a page of another site cannot make a change with the session of a visitor.
    auth: 'optional',
    rateLimit: 'login',
    request: { body: z.strictObject({ token: tokenInput }).meta({ id: 'EmailConfirmation' }) },
    responses: { 200: z.strictObject({ status: z.enum(emailStatuses) }).meta({ id: 'ConfirmedEmail' }) },
    errors: ['account_token_invalid', 'email_taken'],
    handler: async ({ body: { token }, context: { principal } }) => {
      const status = await measure('email_confirm', () => emails.confirm(token, principal));
      return { status: 200 as const, headers: noStore, body: { status } };
    },
  }),
];
