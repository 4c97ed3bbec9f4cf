import { metric, scrape } from '#testkit/running-service.ts';
import { quotaSpent } from '#testkit/servers/google-server.ts';
import { ask, connect, connectedPerson, freshPerson, meeting, storedEvents, syncNow } from './support.ts';
import { stageTest } from './stage-test.ts';

/** One service for all tests of this file; they run one after the other. */
const test = stageTest();

test('a sync stores created, updated, cancelled, repeated and all-day events, page by page', async (t) => {
  const stage = t.context;
  const { service, google } = stage;
  const ada = await freshPerson(stage);
  t.like((await syncNow(service, ada)).body, { status: 409, code: 'calendar_not_connected' });
  await connect(stage, ada);
  google.pageSize = 2;
  for (const day of [1, 2, 3, 4, 5]) google.put(meeting(`m${day}`, day));
  google.put({ id: 'holiday', summary: 'Holiday', start: { date: '2027-03-10' }, end: { date: '2027-03-12' } });
  google.put(
    meeting('weekly_20270308', 8, {
      recurringEventId: 'weekly',
      originalStartTime: { dateTime: '2027-03-08T09:00:00+01:00' },
    }),
  );
  const first = await syncNow(service, ada);
  t.is(first.status, 200, first.text);
  t.like(first.body, { created: 7, updated: 0, deleted: 0, unchanged: 0, full: true });
  t.true(Date.parse(String(first.body['next_sync_at'])) > Date.now());
  t.is(google.callsOf('events'), 4);

  t.like((await syncNow(service, ada)).body, { created: 0, updated: 0, deleted: 0, unchanged: 7, full: false });
  t.is(google.callsOf('events'), 5);
  t.is(google.calls.at(-1)?.query.get('timeMax'), null);

  google.put(meeting('m1', 1, { summary: 'Moved' }));
  google.put({ id: 'm2', status: 'cancelled' });
  google.put(meeting('m6', 6));
  google.put(meeting('m7', 7));
  google.put({ id: 'm7', status: 'cancelled' });
  t.like((await syncNow(service, ada)).body, { created: 2 - 1, updated: 1, deleted: 1, unchanged: 5, full: false });
  t.deepEqual(await storedEvents(stage), ['holiday', 'm1', 'm3', 'm4', 'm5', 'm6', 'weekly_20270308']);
  const { body } = await ask(service, 'GET', '/connection', ada.authorization);
  t.is(body['account'], 'owner.of.calendar@example.org');
  t.true(Date.parse(String(body['last_sync'])) > Date.now() - 60_000);
});

test('a sync token that is too old leads to a full sync, which removes what is gone', async (t) => {
  const stage = t.context;
  const { service, google } = stage;
  const ada = await connectedPerson(stage);
  for (const day of [1, 2, 3]) google.put(meeting(`m${day}`, day));
  await syncNow(service, ada);
  google.put({ id: 'm3', status: 'cancelled' });
  google.put(meeting('m4', 4));
  google.expireSyncTokens();
  const answer = await syncNow(service, ada);
  t.like(answer.body, { created: 1, updated: 0, deleted: 1, unchanged: 2, full: true });
  t.deepEqual(await storedEvents(stage), ['m1', 'm2', 'm4']);
  t.like((await syncNow(service, ada)).body, { created: 0, deleted: 0, unchanged: 3, full: false });
});

test('each failure of Google has its code, and changes nothing', async (t) => {
  const stage = t.context;
  const { service, google, stored } = stage;
  const ada = await connectedPerson(stage);
  for (const day of [1, 2, 3, 4]) google.put(meeting(`m${day}`, day));
  await syncNow(service, ada);
  google.pageSize = 1;
  for (const day of [5, 6, 7]) google.put(meeting(`m${day}`, day));

  const manyEvents = (count: number) => ({
    kind: 'change' as const,
    change: (body: Record<string, unknown>) => ({ ...body, items: Array.from({ length: count }, () => ({})) }),
  });
  const withoutTokens = (body: Record<string, unknown>): unknown => ({
    ...body,
    nextPageToken: undefined,
    nextSyncToken: undefined,
  });
  const cases = [
    ['403 quota', quotaSpent, 503, 'external_api_unavailable'],
    ['429', { kind: 'status', status: 429, retryAfter: '33' }, 503, 'external_api_unavailable'],
    ['500', { kind: 'status', status: 500 }, 502, 'external_api_bad_response'],
    ['400', { kind: 'status', status: 400 }, 502, 'external_api_bad_response'],
    ['silent', { kind: 'hang' }, 504, 'external_api_timeout'],
    ['reset', { kind: 'reset' }, 503, 'external_api_unavailable'],
    ['cut page', { kind: 'truncated' }, 502, 'external_api_bad_response'],
    ['not JSON', { kind: 'not_json' }, 502, 'external_api_bad_response'],
    ['200,000 empty events', manyEvents(200_000), 502, 'external_api_bad_response'],
    ['a page of empty events', manyEvents(2_500), 502, 'external_api_bad_response'],
    ['no page token and no sync token', { kind: 'change', change: withoutTokens }, 502, 'external_api_bad_response'],
    [
      'the same page for ever',
      { kind: 'change', change: (body: object) => ({ ...body, nextPageToken: 'page-0' }) },
      502,
      'external_api_bad_response',
    ],
  ] as const;
  const digest = async () =>
    (
      await stored.query(`select md5(string_agg(e::text, '|' order by event_id)) as digest,
      (select sync_token from calendar_connection) from calendar_event e`)
    )[0];
  const before = await digest();
  for (const [name, fault, status, code] of cases) {
    google.faults = { events: fault };
    const answer = await syncNow(service, ada);
    t.is(answer.status, status, name);
    t.is(answer.body['code'], code, name);
    t.is(answer.body['category'], 'external_api', name);
    if (status === 503) t.regex(answer.headers.get('retry-after') ?? '', /^[1-9]\d*$/, name);
    t.deepEqual(await digest(), before, name);
  }
  google.faults = {};
  t.like((await syncNow(service, ada)).body, { created: 3, full: false });

  await stored.query('alter table calendar_event rename to calendar_event_away');
  google.put(meeting('m8', 8));
  const answer = await syncNow(service, ada);
  t.like(answer.body, { status: 503, code: 'database_schema_outdated', category: 'database' });
  await stored.query('alter table calendar_event_away rename to calendar_event');
  t.like((await syncNow(service, ada)).body, { created: 1 });

  const exposition = await scrape(service);
  t.true(metric(exposition, 'volwatch_calendar_sync_duration_seconds_count', { outcome: 'failed' }) >= cases.length);
  t.true(metric(exposition, 'volwatch_retries_total', { dependency: 'google_calendar' }) > 0);
});

test('a page fails in the middle of a sync: nothing of it is stored', async (t) => {
  const stage = t.context;
  const { service, google } = stage;
  const ada = await connectedPerson(stage);
  google.pageSize = 2;
  for (const day of [1, 2, 3, 4, 5]) google.put(meeting(`m${day}`, day));
  let pages = 0;
  google.faults = {
    events: {
      kind: 'before',
      act: () => {
        pages += 1;
        if (pages === 2) google.faults = { events: { kind: 'status', status: 500 } };
      },
    },
  };
  t.is((await syncNow(service, ada)).status, 502);
  t.deepEqual(await storedEvents(stage), []);
  google.faults = {};
  t.like((await syncNow(service, ada)).body, { created: 5, full: true });
});

test('a repeated request with an Idempotency-Key gets the first answer', async (t) => {
  const stage = t.context;
  const { service, google } = stage;
  const ada = await connectedPerson(stage);
  google.put(meeting('m1', 1));
  const first = await syncNow(service, ada, { 'Idempotency-Key': 'sync-1' });
  t.like(first.body, { created: 1 });
  const calls = google.callsOf('events');
  const again = await syncNow(service, ada, { 'Idempotency-Key': 'sync-1' });
  t.deepEqual(again.body, first.body);
  t.is(again.headers.get('idempotency-replayed'), 'true');
  t.is(google.callsOf('events'), calls);
});

test('10,000 events are synced in bounded time, and an unchanged calendar quickly', async (t) => {
  const stage = t.context;
  const { service, google } = stage;
  const ada = await connectedPerson(stage);
  google.pageSize = 2_500;
  for (let event = 0; event < 10_000; event += 1) google.put(meeting(`e${event}`, (event % 28) + 1));
  const timed = async (): Promise<readonly [Record<string, unknown>, number]> => {
    const startedAt = performance.now();
    const { body } = await syncNow(service, ada);
    return [body, performance.now() - startedAt];
  };
  const [first, firstMs] = await timed();
  t.like(first, { created: 10_000, full: true });
  const unchangedMs: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const [answer, milliseconds] = await timed();
    t.like(answer, { created: 0, updated: 0, unchanged: 10_000 });
    unchangedMs.push(milliseconds);
  }
  t.log(`first ${Math.round(firstMs)} ms, unchanged ${Math.round(Math.min(...unchangedMs))} ms`);
  // The targets are 5 s and 50 ms; the limits here allow for a busy machine.
  t.true(firstMs < 20_000, `${firstMs}`);
  t.true(Math.min(...unchangedMs) < 2_000, unchangedMs.join());
});

test('many events with long texts are stored, in pages and statements of bounded size', async (t) => {
  const stage = t.context;
  const { service, google } = stage;
  const ada = await connectedPerson(stage);
  google.pageSize = 2_500;
  const text = '\u{e4}'.repeat(2_000);
  for (let event = 0; event < 1_201; event += 1) {
    google.put({ ...meeting(`e${event}`, (event % 28) + 1), summary: `${event} ${text}`, location: text });
  }
  const { body } = await syncNow(service, ada);
  t.like(body, { created: 1_201, updated: 0, full: true });
  t.like((await syncNow(service, ada)).body, { created: 0, updated: 0, unchanged: 1_201 });
  const pages = google.calls.filter((call) => JSON.stringify(call).includes('events'));
  t.true(pages.length >= 3, 'a page has at most 500 events');
});

test('the largest ids, texts and times of Google are stored', async (t) => {
  const stage = t.context;
  const { service, google } = stage;
  const ada = await connectedPerson(stage);
  google.put(
    meeting('x'.repeat(1_024), 1, { summary: `zero \u0000 and half \ud83d ${'é'.repeat(5_000)}`, location: '' }),
  );
  google.put({
    id: 'local',
    start: { dateTime: '2027-03-28T02:30:00', timeZone: 'Europe/Berlin' },
    end: { dateTime: '2027-03-28T04:30:00', timeZone: 'Europe/Berlin' },
  });
  google.put({ id: 'no-end', start: { dateTime: '2027-03-05T10:00:00Z' } });
  google.put({
    id: 'new-york',
    start: { dateTime: '2027-11-07T12:00:00', timeZone: 'America/New_York' },
    end: { dateTime: '2027-11-07T18:00:00Z' },
  });
  const answer = await syncNow(service, ada);
  t.is(answer.status, 200, answer.text);
  const rows = await stage.stored.query(
    `select event_id, starts_at, ends_at, length(summary) as length from calendar_event order by starts_at`,
  );
  t.deepEqual(
    rows.map(({ event_id: id, starts_at: start }) => [String(id).slice(0, 10), (start as Date).toISOString()]),
    [
      ['xxxxxxxxxx', '2027-03-01T08:00:00.000Z'],
      ['no-end', '2027-03-05T10:00:00.000Z'],
      // The hour from 2 to 3 does not exist on this day: RFC 5545 counts it with the offset before the change.
      ['local', '2027-03-28T01:30:00.000Z'],
      ['new-york', '2027-11-07T17:00:00.000Z'],
    ],
  );
});
