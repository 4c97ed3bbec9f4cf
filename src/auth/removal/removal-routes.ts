import { utcDay } from '#src/kernel/calendar.ts';
import { z } from 'zod';
import { boundedText } from '#src/kernel/requests/texts/bounded-text.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import type { Measure } from '../measured.ts';
import type { SessionCookies } from '../sessions/cookies.ts';
import { noStore } from '../tokens/token-answer.ts';
import { maxPasswordCharacters } from '../users/password-rules.ts';
import type { Removal } from './removal.ts';

export type RemovalRoutesDeps = {
  readonly removal: Removal;
  readonly cookies: SessionCookies;
  readonly measure: Measure;
};

/** The route `DELETE /account`. */
export const removalRoutes = ({ removal, cookies, measure }: RemovalRoutesDeps): Route[] => [
  defineRoute({
    method: 'DELETE',
    load: 'none',
    path: '/account',
    tag: 'Account',
    summary: 'Plan the removal of the own account. All sign-ins end; a sign-in before the day cancels the removal',
    auth: 'account',
    rateLimit: 'login',
    request: {
      body: z.strictObject({ password: boundedText(maxPasswordCharacters).min(1) }).meta({ id: 'AccountRemoval' }),
    },
    responses: { 202: z.strictObject({ removal_on: z.iso.date() }).meta({ id: 'PlannedRemoval' }) },
    errors: ['credentials_invalid', 'resource_not_found', 'last_administrator', 'overloaded'],
    handler: async ({ body: { password }, context: { principal, clientIp } }) => {
      if (!principal) throw new AppError('auth_service_error');
      const at = await measure('removal_request', () => removal.request(principal, password, clientIp));
      const cookie = principal.sessionId === undefined ? {} : { 'Set-Cookie': cookies.cleared };
      const body = { removal_on: utcDay(at) };
      return { status: 202 as const, headers: { ...noStore, ...cookie }, body };
    },
  }),
];
