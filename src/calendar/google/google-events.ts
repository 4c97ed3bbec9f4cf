import { z } from 'zod';
import type { AppError } from '#src/kernel/catalogue/errors.ts';
import { readEventPage, type EventPage } from './event-wire.ts';
import { secondsToNextMinute } from '#src/kernel/http-answers.ts';
import { AccountRefused, badResponse, throttled, type GoogleAnswer, type GoogleHttp } from './google-http.ts';
import { accountWithoutCalendar, consentTooNarrow } from './scopes.ts';

type EventsRequest = {
  readonly accessToken: string;
  /** Lists only changes since the sync that returned this token. */
  readonly syncToken: string | undefined;
  readonly pageToken: string | undefined;
  /** Only for a list without sync token: events that start before this instant. */
  readonly before: string;
};

/** `expired`: the sync token is too old (410). `unauthorized`: the access token is refused (401). */
type Refused = 'expired' | 'unauthorized';
/** `bytes`: the size of the page. */
type EventsAnswer = (EventPage & { readonly bytes: number }) | Refused;

export type GoogleEvents = {
  /**
   * Requests one page of the primary calendar. Repeated events are listed as instances.
   * @throws AccountRefused if the consent lacks the scope, the account has no calendar, or the request is refused; AppError of category
   * external_api
   */
  readonly request: (
    request: EventsRequest,
    signal: AbortSignal,
  ) => Promise<{ readonly body: unknown; readonly bytes: number } | Refused>;
};

export type GooglePages = {
  /** Requests a page and reads its events. @throws AppError `calendar_reauthorization_required`, of category external_api, and `external_api_bad_response` as `readEventPage` */
  readonly page: (request: EventsRequest, signal: AbortSignal) => Promise<EventsAnswer>;
};

/**
 * What a page says is a matter of its calendar, whose user can make it unreadable. So it is read outside of the policy, and a page that cannot
 * be read opens no circuit for the calendars of others.
 */
export const readPage = async (answer: Awaited<ReturnType<GoogleEvents['request']>>, signal: AbortSignal) =>
  typeof answer === 'string' ? answer : { ...(await readEventPage(answer.body, signal)), bytes: answer.bytes };

/** A page is parsed and checked in one turn of the event loop. With long texts a page of 500 events has about 3 MB. */
const maxResults = '500';
/** What is read of a page. Descriptions, guests and properties of its instances would make a page of one repeated event 15 MB large. */
const fields =
  'kind,summary,timeZone,nextPageToken,nextSyncToken,' +
  'items(id,status,summary,location,start,end,recurringEventId,originalStartTime,htmlLink,etag,updated)';

const errorSchema = z.object({
  error: z.object({
    errors: z.array(z.object({ reason: z.string() })).default([]),
    status: z.string().optional(),
    details: z.array(z.object({ reason: z.string().optional() })).default([]),
  }),
});
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

const reasonsOf = (body: unknown): readonly string[] => {
  const parsed = errorSchema.safeParse(body);
  if (!parsed.success) return [];
  const { errors, details, status } = parsed.data.error;
  // The newer format of Google has a status in place of a reason, or the reason in its details.
  return [
    ...[...errors, ...details].flatMap(({ reason }) => (reason === undefined ? [] : [reason])),
    ...(status === 'RESOURCE_EXHAUSTED' ? ['rateLimitExceeded'] : []),
  ];
};

const refusalOf = ({ status, body, retryAfter }: GoogleAnswer): AppError | AccountRefused => {
  const reasons = reasonsOf(body);
  if (status === 403 && reasons.some((reason) => limitReasons.has(reason))) {
    return throttled(retryAfter ?? secondsToNextMinute(Date.now()));
  }
  if (status === 403 && reasons.some((reason) => scopeReasons.has(reason))) {
    return new AccountRefused(consentTooNarrow());
  }
  // The account has no calendar, for example because the administrator of its domain has switched it off.
  if (status === 403 || status === 404) return new AccountRefused(accountWithoutCalendar(status));
  return new AccountRefused(badResponse(`answered the list of events with status ${status}`));
};

/** The method `events.list` of the Google Calendar API. */
export const createGoogleEvents = ({
  http,
  baseUrl,
}: {
  readonly http: GoogleHttp;
  readonly baseUrl: string;
}): GoogleEvents => ({
  request: async ({ accessToken, syncToken, pageToken, before }, signal) => {
    const url = new URL('calendars/primary/events', baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`);
    url.searchParams.set('maxResults', maxResults);
    url.searchParams.set('singleEvents', 'true');
    url.searchParams.set('fields', fields);
    if (pageToken !== undefined) url.searchParams.set('pageToken', pageToken);
    // Google refuses a time limit together with a sync token, which keeps the limit of its first list.
    if (syncToken === undefined) url.searchParams.set('timeMax', before);
    else url.searchParams.set('syncToken', syncToken);
    const answer = await http.send({ url, accessToken }, signal);
    if (answer.status === 410) return 'expired';
    if (answer.status === 401) return 'unauthorized';
    if (answer.status !== 200) throw refusalOf(answer);
    if (answer.body === undefined) throw badResponse('answered with something other than JSON');
    return { body: answer.body, bytes: answer.bytes };
  },
});
