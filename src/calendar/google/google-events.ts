import { readEventPage, type EventPage } from './event-wire.ts';
import { badResponse, type GoogleHttp } from './google-http.ts';
import { refusalOf } from './google-refusals.ts';

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
   * @throws what `refusalOf` says of an answer that is no list; AppError of category external_api
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
