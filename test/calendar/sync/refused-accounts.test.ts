import { scrape } from '#testkit/running-service.ts';
import { ask, connect, connectedPerson, meeting, signIn, syncNow } from '../support.ts';
import { stageTest } from '../stage-test.ts';

/** One service for all tests of this file; they run one after the other. */
const test = stageTest();

const refusal = (status: number, reason: string, domain = 'global') =>
  ({
    kind: 'status',
    status,
    body: { error: { code: status, message: reason, errors: [{ domain, reason }] } },
  }) as const;

test('an account without a calendar opens no circuit for others, and is not asked for again', async (t) => {
  const stage = t.context;
  const { service, google } = stage;
  const person = await connectedPerson(stage);
  google.put(meeting('one', 1));
  for (const [status, reason, domain] of [
    [403, 'notACalendarUser', 'calendar'],
    [403, 'domainPolicy', 'global'],
    [403, 'forbidden', 'calendar'],
    [404, 'notFound', 'global'],
    [400, 'badRequest', 'global'],
  ] as const) {
    google.faults = { events: refusal(status, reason, domain) };
    for (let round = 0; round < 8; round += 1) {
      const before = google.callsOf('events');
      const { status: answered, body } = await syncNow(service, person);
      if (status === 400) {
        t.is(body['code'], 'external_api_bad_response');
        t.is(google.callsOf('events'), before + 1, 'no further attempt');
        continue;
      }
      t.is(answered, 409, reason);
      t.is(body['code'], 'calendar_reauthorization_required');
      t.true(google.callsOf('events') <= before + 1);
    }
    t.regex(await scrape(service), /volwatch_circuit_breaker_state\{[^}]*dependency="google_calendar"[^}]*\} 0/);
    google.faults = {};
    t.is((await connect(stage, person)).status, 200);
    t.is((await syncNow(service, person)).status, 200);
  }
});

test('a redirect URL that Google does not know, and other refused token requests, open no circuit', async (t) => {
  const stage = t.context;
  const { service, google } = stage;
  await connectedPerson(stage);
  const other = await signIn(service, `refused-${Date.now()}@example.org`);
  for (const error of ['redirect_uri_mismatch', 'invalid_request', 'unsupported_grant_type']) {
    google.faults = { token: { kind: 'status', status: 400, body: { error } } };
    for (let round = 0; round < 6; round += 1) {
      t.is((await connect(stage, other)).body['code'], 'external_api_bad_response', error);
    }
  }
  t.regex(await scrape(service), /volwatch_circuit_breaker_state\{[^}]*dependency="google_calendar"[^}]*\} 0/);
  google.faults = {};
  t.is((await connect(stage, other)).status, 200);
  t.is((await ask(service, 'GET', '/connection', other.authorization)).body['status'], 'connected');
});

test('pages of one account beyond the limits open no circuit, and are not asked for again', async (t) => {
  const stage = t.context;
  const { service, google } = stage;
  const person = await connectedPerson(stage);
  const deep = JSON.parse('['.repeat(30) + ']'.repeat(30)) as unknown;
  const beyond = { deep, large: 'x'.repeat(17 * 2 ** 20) };
  for (const [name, summary] of Object.entries(beyond)) {
    google.faults = { events: { kind: 'change', change: (body) => ({ ...body, summary }) } };
    for (let round = 0; round < 6; round += 1) {
      const before = google.callsOf('events');
      t.is((await syncNow(service, person)).body['code'], 'external_api_bad_response', name);
      t.is(google.callsOf('events'), before + 1, 'no further attempt');
    }
    t.regex(await scrape(service), /volwatch_circuit_breaker_state\{[^}]*dependency="google_calendar"[^}]*\} 0/);
    google.faults = {};
    t.is((await syncNow(service, person)).status, 200);
  }
});
