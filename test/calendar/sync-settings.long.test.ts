import test from 'ava';
import { eventually } from '#testkit/eventually.ts';
import { dependencyStatus, metric, scrape } from '#testkit/running-service.ts';
import { quotaSpent } from '#testkit/servers/google-server.ts';
import { connectedPerson, expireAccessToken, meeting, startStage, storedEvents, syncNow } from './support.ts';

test.serial('a spent quota that is soon over is awaited, and a breaker opens after failures', async (t) => {
  const stage = await startStage(t, { BREAKER_FAILURES: '3', BREAKER_RESET_MS: '1000' });
  const { service, google } = stage;
  const ada = await connectedPerson(stage);
  let calls = 0;
  google.faults = { events: { kind: 'status', status: 403, body: quotaSpent.body, retryAfter: '1' } };
  const answer = syncNow(service, ada);
  await eventually(() => google.callsOf('events') > calls, 'Google is asked');
  google.faults = {};
  t.is((await answer).status, 200);

  google.faults = { events: { kind: 'status', status: 500 } };
  calls = google.callsOf('events');
  const codes = [];
  for (let asked = 0; asked < 5; asked += 1) codes.push((await syncNow(service, ada)).body['code']);
  t.true(codes.includes('external_api_unavailable'), codes.join());
  t.true(google.callsOf('events') - calls <= 4, 'an open circuit sends nothing');
  await eventually(
    async () => (await dependencyStatus(service, 'google_calendar')) !== 'up',
    'the health of google_calendar is not up',
  );
  google.faults = {};
  await eventually(async () => (await syncNow(service, ada)).status === 200, 'the circuit closes');
});

test.serial('more events than the quota are refused and not stored', async (t) => {
  const stage = await startStage(t, { CALENDAR_EVENTS_PER_OWNER: '3' });
  const { service, google } = stage;
  const ada = await connectedPerson(stage);
  for (const day of [1, 2, 3, 4]) google.put(meeting(`m${day}`, day));
  t.like((await syncNow(service, ada)).body, { status: 429, code: 'quota_exceeded' });
  t.deepEqual(await storedEvents(stage), []);
  google.put({ id: 'm4', status: 'cancelled' });
  t.like((await syncNow(service, ada)).body, { created: 3 });
  google.put(meeting('m5', 5));
  t.like((await syncNow(service, ada)).body, { status: 429, code: 'quota_exceeded' }, 'also by a small change');
  t.deepEqual(await storedEvents(stage), ['m1', 'm2', 'm3']);
});

test.serial(
  'pages of a sync that have too many bytes together, or in one answer, are refused and not stored',
  async (t) => {
    const stage = await startStage(t, { CALENDAR_ANSWER_MAX_BYTES: '20000', CALENDAR_SYNC_MAX_BYTES: '30000' });
    const { service, google } = stage;
    const ada = await connectedPerson(stage);
    google.pageSize = 10;
    // Cancelled events count against no quota of events.
    const cancelled = (count: number, from = 0): void => {
      for (let index = from; index < from + count; index += 1) {
        google.put({ id: `c${index}-${'x'.repeat(900)}`, status: 'cancelled' });
      }
    };
    google.put(meeting('m1', 1));
    t.like((await syncNow(service, ada)).body, { created: 1 });
    cancelled(60);
    const refused = await syncNow(service, ada);
    t.like(refused.body, { status: 429, code: 'quota_exceeded' });
    t.like(refused.body, { errors: [{ code: 'calendar_sync_bytes' }] });
    t.is(metric(await scrape(service), 'volwatch_abuse_refused_total', { kind: 'storage_quota' }), 1);

    google.put({ ...meeting('m2', 2), description: 'x'.repeat(30_000) });
    google.pageSize = 250;
    const answer = await syncNow(service, ada);
    t.like(answer.body, { status: 502, code: 'external_api_bad_response' });
    t.deepEqual(await storedEvents(stage), ['m1']);
  },
);

test.serial('the scheduled job syncs each connected calendar', async (t) => {
  const stage = await startStage(t, { CALENDAR_SYNC_SCHEDULE: '* * * * *' });
  const { service, google, stored } = stage;
  await connectedPerson(stage);
  google.put(meeting('m1', 1));
  await expireAccessToken(stage);
  await eventually(async () => (await storedEvents(stage)).length === 1, 'the calendar is synced', 90_000);
  t.is(google.callsOf('token'), 2);
  const exposition = await scrape(service);
  t.is(
    metric(exposition, 'volwatch_calendar_sync_duration_seconds_count', { trigger: 'schedule', outcome: 'succeeded' }),
    1,
  );
  t.is(metric(exposition, 'volwatch_calendar_connections', { status: 'connected' }), 1);
  // The job of a user who was disabled does nothing.
  await stored.query(`insert into owner_end (owner_kind, owner_id, reason, ended_at)
    select 'user', id::text, 'disabled', now() from user_account`);
  const calls = google.callsOf('events');
  await service.logged(({ message }) => String(message).includes('is not synced'), 90_000);
  t.is(google.callsOf('events'), calls);
});
