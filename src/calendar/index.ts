export { createCalendarRoutes, type CalendarParts } from './calendar-routes.ts';
export { createConnectionGauge } from './connection-gauge.ts';
export { createConnections } from './connections.ts';
export { createConsents } from './consents.ts';
export { createEvents } from './events.ts';
export { createGoogleCalendar } from './google/google-calendar.ts';
export { createGoogleEvents } from './google/google-events.ts';
export { createGoogleHttp } from './google/google-http.ts';
export { createGoogleOAuth } from './google/google-oauth.ts';
export { createGooglePlaces } from './google/google-places.ts';
export { removeCalendarOf, removeOldCalendarRows } from './retention.ts';
export { createRevocations } from './revocations.ts';
export { createSearchPlaces } from './search-places.ts';
export {
  createEventBytesQuota,
  createEventQuota,
  createSyncBytesQuota,
  createTotalEventBytesQuota,
} from './sync/event-quota.ts';
export { createFetchChanges } from './sync/fetch-changes.ts';
export { createLongSyncPlaces } from './sync/long-sync-places.ts';
export { createScheduledSync } from './sync/scheduled-sync.ts';
export { createSyncMemory } from './sync/sync-memory.ts';
export { createSync } from './sync/sync.ts';
export { createAccessTokens } from './tokens/access-tokens.ts';
export { createTokenCipher } from './tokens/token-cipher.ts';
