import { codeOf } from '#src/kernel/catalogue/errors.ts';
import { dayMs } from '#src/kernel/calendar.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { SyncState } from '../connections.ts';
import { noneSkipped, type CalendarEvent, type EventPage } from '../google/event-wire.ts';
import { skipReasons } from '#src/kernel/catalogue/metrics/calendar-metrics.ts';
import type { GoogleCalendar } from '../google/google-calendar.ts';
import { badResponse } from '../google/google-http.ts';
import type { AccessTokens } from '../tokens/access-tokens.ts';
import { bytesOf, bytesOfId } from './event-bytes.ts';
import type { LongSyncPlaces } from './long-sync-places.ts';
import type { EventBytesQuota, EventQuota, SyncBytesQuota } from './event-quota.ts';
import type { FetchedChanges } from './store-events.ts';

type GooglePage = Awaited<ReturnType<GoogleCalendar['page']>>;

export type FetchChangesDeps = {
  readonly google: Pick<GoogleCalendar, 'page'>;
  readonly accessTokens: AccessTokens;
  readonly clock: Clock;
  readonly assertQuota: EventQuota;
  readonly assertBytes: SyncBytesQuota;
  readonly assertEventBytes: EventBytesQuota;
  /** Days from now until which a full list has events. */
  readonly futureDays: number;
  readonly longSyncs: LongSyncPlaces;
};

/**
 * @param keep is called with the bytes that are kept in memory, after each page
 * @throws AppError `quota_exceeded`, the errors of `AccessTokens` and of Google, and those of `keep`
 */
export type FetchChanges = (
  state: SyncState,
  signal: AbortSignal,
  keep: (bytes: number) => void,
) => Promise<FetchedChanges>;

/** A list with more pages is a loop: each page has up to 500 events. */
const maxPages = 1_000;
/** After this share of `futureDays` the list is read anew, because a sync token keeps the time limit of its list. */
const horizonShare = 0.25;

/** Lists the changes since the last sync, or all events if there is no usable sync token. */
export const createFetchChanges = (deps: FetchChangesDeps): FetchChanges => {
  const { google, accessTokens, clock, assertQuota, assertBytes, assertEventBytes, futureDays, longSyncs } = deps;

  const list = async (
    state: SyncState,
    syncToken: string | undefined,
    signal: AbortSignal,
    keep: (bytes: number) => void,
  ): Promise<FetchedChanges | 'expired'> => {
    const before = new Date(clock.now().getTime() + futureDays * dayMs).toISOString();
    const events = new Map<string, CalendarEvent>();
    const cancelled = new Set<string>();
    const skipped = noneSkipped();
    const pageTokens = new Set<string>();
    let access = await accessTokens.valid(state, signal);
    let account: string | undefined;
    let pageToken: string | undefined;
    let mayRefresh = true;
    let bytes = 0;
    let eventBytes = 0;
    let idBytes = 0;

    /** An event can be in two pages when it changes meanwhile. The later page is right. */
    const add = (page: EventPage): void => {
      const forget = (id: string): void => {
        const known = events.get(id);
        if (known) eventBytes -= bytesOf(known);
        if (cancelled.delete(id)) idBytes -= bytesOfId(id);
        events.delete(id);
      };
      for (const id of page.cancelled) {
        forget(id);
        cancelled.add(id);
        idBytes += bytesOfId(id);
      }
      for (const event of page.events) {
        forget(event.event_id);
        events.set(event.event_id, event);
        eventBytes += bytesOf(event);
      }
      for (const reason of skipReasons) skipped[reason] += page.skipped[reason];
      account = page.account ?? account;
      // Checked for each page, so that the memory is bounded too.
      assertQuota(events.size);
      assertEventBytes(eventBytes);
      keep(eventBytes + idBytes);
    };

    for (;;) {
      const used = access;
      const read = (): Promise<GooglePage> =>
        google.page({ accessToken: used.token, syncToken, pageToken, before }, signal);
      const page = await longSyncs.use(pageTokens.size, signal, read).catch(async (error: unknown) => {
        // The consent lacks the calendar: the next sync must not ask Google again.
        if (codeOf(error) === 'calendar_reauthorization_required') await accessTokens.refuse(state, used);
        throw error;
      });
      if (page === 'expired') {
        if (syncToken === undefined) throw badResponse('answered a full list of events with status 410');
        return 'expired';
      }
      if (page === 'unauthorized') {
        // Google can end an access token before its time. A second refusal is a fault of Google.
        if (!mayRefresh) throw badResponse('refused a new access token');
        mayRefresh = false;
        access = await accessTokens.valid(state, signal, access);
        continue;
      }
      // Before the page is kept, because cancelled events count against no other quota.
      bytes += page.bytes;
      assertBytes(bytes);
      add(page);
      if (page.nextPageToken === undefined) {
        return { full: syncToken === undefined, events, cancelled, skipped, syncToken: page.nextSyncToken!, account };
      }
      if (pageTokens.has(page.nextPageToken) || pageTokens.size >= maxPages) {
        throw badResponse('answered with pages of events that do not end');
      }
      pageTokens.add(page.nextPageToken);
      pageToken = page.nextPageToken;
    }
  };

  const isHorizonOld = ({ full_sync_at: at }: SyncState): boolean =>
    at === null || clock.now().getTime() - at.getTime() > futureDays * horizonShare * dayMs;

  return async (state, signal, keep) => {
    const syncToken = isHorizonOld(state) ? undefined : (state.sync_token ?? undefined);
    const changes = await list(state, syncToken, signal, keep);
    if (changes !== 'expired') return changes;
    const all = await list(state, undefined, signal, keep);
    if (all === 'expired') throw badResponse('answered a full list of events with status 410');
    return all;
  };
};
