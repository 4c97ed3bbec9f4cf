import { quotaSpent, type GoogleEndpoint } from '#testkit/servers/google-server.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GoogleFault } from '#testkit/servers/google-faults.ts';
import type { Cell } from '../cell.ts';
import type { Scrape } from '../scrape.ts';

const external = ['external_api_bad_response', 'external_api_unavailable', 'external_api_timeout'] as const;

const failedSyncs = (now: Scrape): number =>
  now.sum('volwatch_calendar_sync_duration_seconds_count', { outcome: /failed|refused/ });

const refreshed = (now: Scrape): number => now.sum('volwatch_calendar_token_refreshes_total', { outcome: 'refreshed' });

/** The service refreshes an access token that expires within this time. */
const marginSeconds = 60;

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

/** A single one would be skipped. */
const withoutStart = (body: Record<string, unknown>): unknown => ({
  ...body,
  items: Array.from({ length: 20 }, (_, index) => ({ id: `bad${index}`, status: 'confirmed' })),
});

/** A second instance syncs the same calendar all the time. A refresh token that is used twice would end the consent. */
const twoInstances: Cell = {
  ...common,
  name: 'two instances at once',
  how: 'a second instance syncs the same calendar; access tokens expire after two seconds, and refresh tokens are replaced',
  codes: [],
  holdMs: 10_000,
  inject: async ({ google, token, startBeside }) => {
    const url = await startBeside();
    const headers = { authorization: `Bearer ${await token()}` };
    google.rotates = true;
    google.expiresInSeconds = marginSeconds + 2;
    google.endAccessTokens();
    google.calls.length = 0;
    const syncs = async (): Promise<void> => {
      for (;;) {
        const answer = await fetch(`${url}/api/v1/calendar/sync/auto`, { method: 'POST', headers });
        await answer.arrayBuffer();
        await sleep(100);
      }
    };
    // They end when the instance is stopped.
    void syncs().catch(() => {});
  },
  heal: async ({ google, stopBeside }) => {
    await stopBeside();
    google.rotates = false;
    google.expiresInSeconds = 3_600;
    google.endAccessTokens();
  },
  // Both instances need new tokens. A refresh token that was used twice would be refused, and callers would get 409.
  hasEffect: (_before, _now, { google }) => google.callsOf('token') >= 3,
};

export const googleCalendarCells: readonly Cell[] = [
  cell('token endpoint down', '500 on every token request', 'token', { kind: 'status', status: 500 }),
  {
    ...common,
    name: 'token endpoint slow',
    how: 'it answers after 0.3 s, and each access token is used for two seconds',
    codes: [],
    inject: ({ google }) => {
      google.expiresInSeconds = marginSeconds + 2;
      google.endAccessTokens();
      google.faults = { token: { kind: 'delay', ms: 300 } };
    },
    heal: ({ google }) => {
      google.faults = {};
      google.expiresInSeconds = 3_600;
      google.endAccessTokens();
    },
    hasEffect: (before, now) => refreshed(now) > refreshed(before) + 1,
  },
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
  {
    ...common,
    name: 'calendar API down mid-sync',
    how: 'the first page of changes is answered, the connections of the later ones are reset',
    codes: external,
    inject: ({ google }) => {
      google.pageSize = 1;
      const start = { dateTime: '2027-03-02T09:00:00Z' };
      for (const id of ['one', 'two', 'three']) google.put({ id, start, end: start });
      google.faults = { events: { kind: 'later_pages', fault: { kind: 'reset' } } };
    },
    heal: ({ google }) => {
      google.faults = {};
      google.pageSize = 250;
    },
  },
  twoInstances,
  cell('cut page', 'half a body with status 200', 'events', { kind: 'truncated' }),
  cell('malformed events', 'a page of events without a start', 'events', { kind: 'change', change: withoutStart }),
];
