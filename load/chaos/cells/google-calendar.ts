import { quotaSpent, type GoogleEndpoint } from '#testkit/servers/google-server.ts';
import type { GoogleFault } from '#testkit/servers/google-faults.ts';
import type { Cell } from '../cell.ts';
import type { Scrape } from '../scrape.ts';

const external = ['external_api_bad_response', 'external_api_unavailable', 'external_api_timeout'] as const;

const failedSyncs = (now: Scrape): number =>
  now.sum('volwatch_calendar_sync_duration_seconds_count', { outcome: /failed|refused/ });

const common = {
  group: 'google_calendar',
  probe: 'calendar',
  holdMs: 5_000,
  deadlineMs: 12_000,
  hasEffect: (before: Scrape, now: Scrape) => failedSyncs(now) > failedSyncs(before),
} as const;

/** While the token endpoint fails, each sync needs it, because the access token was ended. */
const cell = (name: string, how: string, endpoint: GoogleEndpoint, fault: GoogleFault): Cell => ({
  ...common,
  name,
  how,
  codes: external,
  inject: ({ google }) => {
    if (endpoint === 'token') google.endAccessTokens();
    google.faults = { [endpoint]: fault };
  },
  heal: ({ google }) => {
    google.faults = {};
  },
});

const withoutStart = (body: Record<string, unknown>): unknown => ({
  ...body,
  items: [{ id: 'one', status: 'confirmed' }],
});

export const googleCalendarCells: readonly Cell[] = [
  cell('token endpoint down', '500 on every token request', 'token', { kind: 'status', status: 500 }),
  cell('token endpoint silent', 'it accepts requests and never answers', 'token', { kind: 'hang' }),
  {
    ...common,
    name: 'consent ended',
    how: 'the user ends the consent: invalid_grant; afterwards the user connects again',
    codes: ['calendar_reauthorization_required'],
    inject: ({ google }) => {
      google.endConsents();
      google.endAccessTokens();
    },
    heal: ({ connectCalendar }) => connectCalendar(),
  },
  {
    ...common,
    name: 'sync token expired',
    how: '410 for the stored sync token; a full sync follows',
    codes: [],
    inject: ({ google }) => {
      google.calls.length = 0;
      google.expireSyncTokens();
    },
    heal: () => {},
    hasEffect: (_before, _now, { google }) =>
      google.calls.some(({ endpoint, query }) => endpoint === 'events' && !query.has('syncToken')),
  },
  cell('quota spent', '403 rateLimitExceeded with Retry-After', 'events', { ...quotaSpent, retryAfter: '1' }),
  cell('calendar API down', '500 on every list of events', 'events', { kind: 'status', status: 500 }),
  cell('cut page', 'half a body with status 200', 'events', { kind: 'truncated' }),
  cell('malformed event', 'an event without a start', 'events', { kind: 'change', change: withoutStart }),
];
