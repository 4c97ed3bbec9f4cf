import { createHash } from 'node:crypto';
import { metric, scrape } from '#testkit/running-service.ts';
import { ask, connectedPerson, meeting, storedEvents, syncNow } from '../support.ts';
import { stageTest } from '../stage-test.ts';

/** One service for all tests of this file; they run one after the other. */
const test = stageTest();

const skippedMetric = 'volwatch_calendar_events_skipped_total';
const at = (dateTime: string, timeZone?: string) => ({ dateTime, ...(timeZone !== undefined && { timeZone }) });
const span = (start: object, end: object = start) => ({ start, end });

/** Events that cannot be read, by the reason that is counted. The server sends them as JSON, with the escapes of JSON. */
const unreadable = {
  malformed: [
    { start: undefined },
    span({ date: '2027-02-30' }),
    span({ date: '0000-01-01' }),
    span({ date: '10000-01-01' }),
    span(at('2027-03-01T09:00:00Z', 'Europe/Berlin\u0000')),
    span(at('2027-03-01T09:00:00Z', '\ud800')),
    span(at('2027-03-01T09:00:00Z', 'x'.repeat(200))),
    span(at(`2027-03-01T09:00:00.${'1'.repeat(200)}Z`)),
    span(at('2027-03-01T09:00:60Z')),
    span(at('+010000-01-01T00:00:00Z')),
    { etag: 'a\u0000b' },
    { recurringEventId: '\udfff' },
    { status: 'unknown' },
    { summary: 1e308 },
    { updated: 7 },
  ],
  time: [
    { end: at('2020-01-01T00:00:00Z') },
    { end: { date: '2027-03-02' } },
    span(at('0000-01-01T00:00:00Z')),
    span(at('0000-06-01T00:00:00', 'Europe/Berlin')),
    span(at('0099-06-01T00:00:00', 'Europe/Berlin')),
    span(at('1000-01-01T00:00:00+14:00')),
    span(at('9999-12-31T23:59:59-14:00')),
    span(at('9999-12-31T23:59:59', 'America/New_York')),
    span({ date: '9999-12-31' }),
    { updated: '0000-01-01T00:00:00Z' },
  ],
  time_zone: [
    span(at('2027-03-01T09:00:00', 'Mars/Olympus')),
    { start: at('2027-03-01T09:00:00+01:00'), end: at('2027-03-01T09:00:00', 'x') },
  ],
} as const satisfies Record<string, readonly Record<string, unknown>[]>;

/** Values that PostgreSQL would refuse as they are, of events that can be read. */
const storable: readonly Record<string, unknown>[] = [
  { summary: 'a\u0000b\ud800c', location: '\udfff\u0000' },
  { updated: `2026-11-26T08:00:00.${'1'.repeat(200)}Z` },
  { updated: '2026-11-26T08:00:00+23:59' },
  span(at('1000-01-01T00:00:00Z'), at('9999-12-31T23:59:59Z')),
  span(at('2027-03-01T09:00:00+23:59', 'Mars/Olympus')),
  { sequence: 1e308, start: at('2027-03-01T09:00:00Z'), end: undefined },
];

/** Characters in an order that PostgreSQL does not compress. */
const mixed = (count: number, code: (digest: number) => number): string =>
  String.fromCharCode(
    ...Array.from({ length: count }, (_, index) => code(createHash('md5').update(`${index}`).digest().readUInt16BE())),
  );
const longId = (count: number): string => mixed(count, (digest) => 0x61 + (digest % 26));
/** Three bytes for each character. */
const wideId = (count: number): string => mixed(count, (digest) => 0x4e00 + (digest % 20_000));

test('events that cannot be read are skipped and counted, and all others are stored', async (t) => {
  const stage = t.context;
  const { service, google } = stage;
  const ada = await connectedPerson(stage);
  // More good ones than bad ones, because a page of bad ones is a fault of Google.
  for (let day = 1; day <= 28; day += 1) google.put(meeting(`good${day}`, day));
  const good = Array.from({ length: 28 }, (_, index) => `good${index + 1}`);
  for (const [index, change] of storable.entries()) {
    google.put(meeting(`storable${index}`, 1, change));
    good.push(`storable${index}`);
  }
  for (const [reason, changes] of Object.entries(unreadable)) {
    for (const [index, change] of changes.entries()) google.put(meeting(`${reason}${index}`, 1, change));
  }
  google.put(meeting(longId(1_100), 1));
  good.push(longId(1_100));
  const badIds = ['bad\u0000id', 7, longId(1_101), wideId(367), wideId(1_100)];
  for (const id of badIds) google.put(meeting(id as string, 1));
  const answer = await syncNow(service, ada);
  t.is(answer.status, 200, answer.text);
  t.deepEqual(await storedEvents(stage), good.toSorted());
  const exposition = await scrape(service);
  for (const [reason, changes] of Object.entries(unreadable)) {
    const ids = reason === 'malformed' ? badIds.length : 0;
    t.is(metric(exposition, skippedMetric, { reason }), changes.length + ids, reason);
  }
  const line = service.log.find(({ message }) => message === 'events of Google that cannot be read were skipped');
  t.deepEqual(line?.['skipped'], {
    malformed: unreadable.malformed.length + badIds.length,
    time: unreadable.time.length,
    time_zone: unreadable.time_zone.length,
  });
  t.is((await ask(service, 'GET', '/events?limit=100', ada.authorization)).status, 200);
});

for (const [reason, [change]] of Object.entries(unreadable)) {
  test(`an event that becomes unreadable (${reason}) is removed, and comes back when it can be read`, async (t) => {
    const stage = t.context;
    const { service, google } = stage;
    const ada = await connectedPerson(stage);
    google.put(meeting('one', 1));
    google.put(meeting('two', 2));
    t.like((await syncNow(service, ada)).body, { created: 2 });
    google.put(meeting('one', 1, change));
    t.like((await syncNow(service, ada)).body, { deleted: 1, unchanged: 1, full: false });
    t.deepEqual(await storedEvents(stage), ['two']);
    google.expireSyncTokens();
    t.like((await syncNow(service, ada)).body, { deleted: 0, unchanged: 1, full: true });
    google.put(meeting('one', 1));
    t.like((await syncNow(service, ada)).body, { created: 1, full: false });
  });
}

test('a page of which most cannot be read is a fault of Google, and the stored events stay', async (t) => {
  const stage = t.context;
  const { service, google } = stage;
  const ada = await connectedPerson(stage);
  for (let day = 1; day <= 20; day += 1) google.put(meeting(`m${day}`, day));
  await syncNow(service, ada);
  google.expireSyncTokens();
  const change = (bad: number) => (body: Record<string, unknown>) => ({
    ...body,
    // The answer that a sync token is too old has no events.
    items: ((body['items'] ?? []) as object[]).map((item, index) =>
      index < bad ? { ...item, start: '2027-03-01' } : item,
    ),
  });
  google.faults = { events: { kind: 'change', change: change(11) } };
  t.like((await syncNow(service, ada)).body, { status: 502, code: 'external_api_bad_response' });
  t.is((await storedEvents(stage)).length, 20);
  google.faults = { events: { kind: 'change', change: change(10) } };
  t.like((await syncNow(service, ada)).body, { deleted: 10, unchanged: 10 });
});

for (const [member, value] of [
  ['timeZone', 'Europe/Berlin\u0000'],
  ['nextSyncToken', 'sync\u0000'],
  ['nextSyncToken', '\ud800'],
] as const) {
  test(`a page whose ${member} cannot be stored is a fault of Google: ${JSON.stringify(value)}`, async (t) => {
    const stage = t.context;
    const { service, google } = stage;
    const ada = await connectedPerson(stage);
    google.put(meeting('m1', 1));
    google.faults = { events: { kind: 'change', change: (body) => ({ ...body, [member]: value }) } };
    t.like((await syncNow(service, ada)).body, { status: 502, code: 'external_api_bad_response' });
    google.faults = {};
    t.is((await syncNow(service, ada)).status, 200);
  });
}
