import { defineEntity, p } from '@mikro-orm/core';

/** `reauthorization_required`: Google refused the refresh token, so the owner must connect again. */
export const connectionStatuses = ['connected', 'reauthorization_required'] as const;
export type ConnectionStatus = (typeof connectionStatuses)[number];

/** The calendar of an owner. Both tokens are encrypted. */
export const CalendarConnectionEntity = defineEntity({
  name: 'CalendarConnection',
  tableName: 'calendar_connection',
  uniques: [{ name: 'calendar_connection_owner_unique', properties: ['ownerKind', 'ownerId'] }],
  properties: {
    id: p.uuid().primary(),
    ownerKind: p.text().$type<'user' | 'client'>(),
    ownerId: p.text(),
    status: p.text().$type<ConnectionStatus>(),
    /** The name of the calendar at Google; for the primary calendar the e-mail address of the account. */
    account: p.text().nullable(),
    scopes: p.array(),
    refreshToken: p.text(),
    accessToken: p.text(),
    accessExpiresAt: p.datetime(),
    /** Grows with each new token. A refresh is stored only if nobody stored another token meanwhile. */
    tokenVersion: p.integer().default(1),
    /** The refresh in progress. Its process renews the lease; after a crash the lease expires. */
    refreshLease: p.uuid().nullable(),
    refreshLeaseUntil: p.datetime().nullable(),
    syncToken: p.text().nullable(),
    /** Grows with each sync. A sync is stored only if no other sync was stored meanwhile. */
    syncVersion: p.integer().default(0),
    /** The bytes of the stored events, as quotas count them. */
    storedBytes: p.bigint().defaultRaw('0'),
    fullSyncAt: p.datetime().nullable(),
    lastSyncAt: p.datetime().nullable(),
    connectedAt: p.datetime(),
  },
});

/** A consent that was asked for at Google and is not answered yet. It is used once. */
const CalendarConsentEntity = defineEntity({
  name: 'CalendarConsent',
  tableName: 'calendar_consent',
  indexes: [{ name: 'calendar_consent_owner_index', properties: ['ownerKind', 'ownerId', 'createdAt'] }],
  properties: {
    stateDigest: p.text().primary(),
    ownerKind: p.text().$type<'user' | 'client'>(),
    ownerId: p.text(),
    sessionId: p.text().nullable(),
    /** The id of the access token that began it. Null: a session began it. */
    tokenId: p.text().nullable(),
    /** Whether this token is of the earlier system. These have an end of their own. */
    legacyToken: p.boolean().default(false),
    browserDigest: p.text(),
    /** Encrypted. */
    codeVerifier: p.text(),
    redirectUrl: p.text(),
    createdAt: p.datetime(),
    expiresAt: p.datetime(),
  },
});

/** An event, or one instance of a repeated event. An all-day event is from midnight to midnight in UTC. */
const CalendarEventEntity = defineEntity({
  name: 'CalendarEvent',
  tableName: 'calendar_event',
  indexes: [{ name: 'calendar_event_start_index', properties: ['connection', 'startsAt', 'eventId'] }],
  properties: {
    connection: () => p.manyToOne(CalendarConnectionEntity).primary().updateRule('no action').deleteRule('cascade'),
    eventId: p.text().primary(),
    status: p.text(),
    summary: p.text().nullable(),
    location: p.text().nullable(),
    startsAt: p.datetime(),
    endsAt: p.datetime(),
    allDay: p.boolean(),
    timeZone: p.text().nullable(),
    recurringEventId: p.text().nullable(),
    originalStart: p.text().nullable(),
    link: p.text().nullable(),
    etag: p.text().nullable(),
    updatedAt: p.datetime().nullable(),
  },
});

/** An encrypted refresh token that must still be revoked at Google, because its connection has ended. */
const CalendarRevocationEntity = defineEntity({
  name: 'CalendarRevocation',
  tableName: 'calendar_revocation',
  indexes: [{ name: 'calendar_revocation_owner_index', properties: ['ownerKind', 'ownerId'] }],
  properties: {
    id: p.uuid().primary(),
    ownerKind: p.text().$type<'user' | 'client'>(),
    ownerId: p.text(),
    /** The token is bound to the id of its connection, see the token cipher. */
    connectionId: p.uuid(),
    refreshToken: p.text(),
    createdAt: p.datetime(),
  },
});

export const calendarEntities = [
  CalendarConnectionEntity,
  CalendarConsentEntity,
  CalendarEventEntity,
  CalendarRevocationEntity,
];
