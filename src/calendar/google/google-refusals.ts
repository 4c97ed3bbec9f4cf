import { z } from 'zod';
import type { AppError } from '#src/kernel/catalogue/errors.ts';
import { secondsToNextMinute } from '#src/kernel/http-answers.ts';
import { AccountRefused, badResponse, throttled, type GoogleAnswer } from './google-http.ts';
import { accountWithoutCalendar, consentTooNarrow } from './scopes.ts';

const errorSchema = z.object({
  error: z.object({
    errors: z.array(z.object({ domain: z.string().optional(), reason: z.string() })).default([]),
    status: z.string().optional(),
    details: z.array(z.object({ reason: z.string().optional() })).default([]),
  }),
});
type GoogleError = z.output<typeof errorSchema>['error'];

const limitReasons: ReadonlySet<string> = new Set([
  'rateLimitExceeded',
  'userRateLimitExceeded',
  'quotaExceeded',
  'dailyLimitExceeded',
]);
const scopeReasons: ReadonlySet<string> = new Set([
  'insufficientPermissions',
  'insufficientScopes',
  'ACCESS_TOKEN_SCOPE_INSUFFICIENT',
]);
/** The account has no calendar, or the administrator of its domain has switched it off. */
const accountReasons: ReadonlySet<string> = new Set(['notACalendarUser', 'domainPolicy']);
/** An operator must correct the project: the API is switched off, or is not paid. */
const projectReasons: ReadonlySet<string> = new Set([
  'accessNotConfigured',
  'SERVICE_DISABLED',
  'BILLING_DISABLED',
  'CONSUMER_INVALID',
]);

/** The newer format of Google has a status in place of a reason, or the reason in its details. */
const reasonsOf = ({ errors, details, status }: GoogleError): readonly string[] => [
  ...[...errors, ...details].flatMap(({ reason }) => (reason === undefined ? [] : [reason])),
  ...(status === 'RESOURCE_EXHAUSTED' ? ['rateLimitExceeded'] : []),
];

/**
 * Whether each reason is one of an account. `forbidden` also comes for a project, except from the calendar itself. `notFound` of the
 * global domain is the calendar `primary`, because the URL has no other name.
 */
const isOfAccount = ({ errors, details }: GoogleError, status: number): boolean =>
  errors.length > 0 &&
  details.every(({ reason }) => reason === undefined) &&
  errors.every(({ domain, reason }) => {
    if (status === 404) return reason === 'notFound' && domain === 'global';
    return accountReasons.has(reason) || (reason === 'forbidden' && domain === 'calendar');
  });

/**
 * The error for an answer that is no list of events. Only a known reason of an account, in the format of Google, says that a connection has ended. A 403 or 404
 * of a proxy, or of the project of this service, is the same for all accounts, so each of them would need a new consent. See docs/decisions/0358.
 * @returns AccountRefused if the answer depends on the account or the request, else an AppError of category external_api, which counts against Google
 */
export const refusalOf = ({ status, body, retryAfter }: GoogleAnswer): AppError | AccountRefused => {
  const plain = badResponse(`answered the list of events with status ${status}`);
  const error = errorSchema.safeParse(body).data?.error;
  if (!error) return plain;
  if (status !== 403 && status !== 404) return new AccountRefused(plain);
  if (isOfAccount(error, status)) return new AccountRefused(accountWithoutCalendar(status));
  if (status === 404) return plain;
  const reasons = reasonsOf(error);
  if (reasons.some((reason) => limitReasons.has(reason))) {
    return throttled(retryAfter ?? secondsToNextMinute(Date.now()));
  }
  if (reasons.some((reason) => scopeReasons.has(reason))) return new AccountRefused(consentTooNarrow());
  const project = reasons.find((reason) => projectReasons.has(reason));
  return project === undefined ? plain : badResponse(`refused the project of this service (${project})`);
};
