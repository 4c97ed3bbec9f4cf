import type { ExecutionContext } from 'ava';
import {
  ask,
  connect,
  connectedPerson,
  expireAccessToken,
  meeting,
  syncNow,
  type Person,
  type Stage,
} from './support.ts';
import { stageTest } from './stage-test.ts';

/** One service for all tests of this file; they run one after the other. */
const test = stageTest({ CALENDAR_FUTURE_DAYS: '400' });

/** The same error has several formats at Google. */
const missingScope = {
  'the usual format': {
    error: { code: 403, message: 'no', errors: [{ domain: 'global', reason: 'insufficientPermissions' }] },
  },
  'another reason': {
    error: { code: 403, message: 'no', errors: [{ domain: 'global', reason: 'insufficientScopes' }] },
  },
  'the newer format': {
    error: {
      code: 403,
      message: 'no',
      status: 'PERMISSION_DENIED',
      details: [
        { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'ACCESS_TOKEN_SCOPE_INSUFFICIENT' },
        { '@type': 'type.googleapis.com/google.rpc.Help', links: [] },
      ],
    },
  },
};

/** The connection says that it needs a new consent, its events can be read, and the trail has one event about it. */
const assertRefused = async (t: ExecutionContext<Stage>, { service, stored }: Stage, person: Person): Promise<void> => {
  t.is((await ask(service, 'GET', '/connection', person.authorization)).body['status'], 'reauthorization_required');
  t.is((await ask(service, 'GET', '/events', person.authorization)).status, 200);
  const events = await stored.query(
    `select outcome, reason from audit_event where action = 'calendar.reauthorization_required'
       and stream = (select 'calendar:' || id from calendar_connection)`,
  );
  t.deepEqual(events, [{ outcome: 'failure', reason: 'calendar_reauthorization_required' }]);
};

test('a full sync asks for the single events until the horizon, and a repeated event names its series and first start', async (t) => {
  const stage = t.context;
  const { service, google } = stage;
  const ada = await connectedPerson(stage);
  google.put(
    meeting('weekly_20270308', 9, {
      recurringEventId: 'weekly',
      originalStartTime: { dateTime: '2027-03-08T09:00:00+01:00', timeZone: 'Europe/Berlin' },
    }),
  );
  google.put({
    id: 'yearly_20270310',
    start: { date: '2027-03-11' },
    end: { date: '2027-03-12' },
    recurringEventId: 'yearly',
    originalStartTime: { date: '2027-03-10' },
  });
  google.put(meeting('once', 12));
  const before = Date.now();
  t.like((await syncNow(service, ada)).body, { created: 3, full: true });
  const asked = google.calls.filter(({ endpoint }) => endpoint === 'events').map(({ query }) => query);
  t.is(asked.length, 1);
  t.is(asked[0]!.get('singleEvents'), 'true');
  t.is(asked[0]!.get('syncToken'), null);
  const horizonDays = (Date.parse(asked[0]!.get('timeMax') ?? '') - before) / 86_400_000;
  t.true(Math.abs(horizonDays - 400) < 0.1, `${horizonDays}`);

  const { body } = await ask(service, 'GET', '/events', ada.authorization);
  const shown = (body['data'] as Record<string, unknown>[]).map(
    ({ id, recurring_event_id: series, original_start: original }) => [id, series, original],
  );
  t.deepEqual(shown, [
    ['weekly_20270308', 'weekly', '2027-03-08T09:00:00+01:00'],
    ['yearly_20270310', 'yearly', '2027-03-10'],
    ['once', null, null],
  ]);

  await syncNow(service, ada);
  const next = google.calls.at(-1)!.query;
  t.is(next.get('singleEvents'), 'true');
  t.is(next.get('timeMax'), null, 'Google refuses it together with a sync token');
  t.truthy(next.get('syncToken'));
});

test('a sync that other syncs always overtake ends with 409 calendar_sync_in_progress, and the next one is right', async (t) => {
  const stage = t.context;
  const { service, google, stored } = stage;
  const ada = await connectedPerson(stage);
  google.put(meeting('m1', 1));
  // As another process does that stores its sync while this one waits for Google.
  const overtake = () => stored.query('update calendar_connection set sync_version = sync_version + 1');
  google.faults = { events: { kind: 'before', act: async () => void (await overtake()) } };
  const refused = await syncNow(service, ada);
  t.is(refused.status, 409, refused.text);
  t.like(refused.body, { code: 'calendar_sync_in_progress', status: 409 });
  t.is(refused.headers.get('retry-after'), '1');
  t.is(google.callsOf('events'), 10);
  google.faults = {};
  t.like((await syncNow(service, ada)).body, { created: 1, full: true });
});

test('a stored token that no key decrypts is 500 calendar_token_unreadable, without a call of Google', async (t) => {
  const stage = t.context;
  const { service, google, stored } = stage;
  const ada = await connectedPerson(stage);
  const [row] = await stored.query('select access_token, refresh_token from calendar_connection');
  const assertUnreadable = async (operation: string): Promise<void> => {
    const calls = google.calls.length;
    const { status, body, text } = await syncNow(service, ada);
    t.is(status, 500, text);
    t.is(body['code'], 'calendar_token_unreadable', operation);
    t.is(google.calls.length, calls, operation);
    for (const token of Object.values(row!)) t.false(text.includes(String(token)), 'the answer shows no token');
  };
  await stored.query(
    `update calendar_connection set access_token = 'v1.00000000.' || split_part(access_token, '.', 3)`,
  );
  await assertUnreadable('access token');
  await expireAccessToken(stage);
  await stored.query(`update calendar_connection set refresh_token = access_token`);
  await assertUnreadable('refresh token, also in the place of another token');
  t.is((await connect(stage, ada)).status, 200);
  t.is((await syncNow(service, ada)).status, 200, 'a new consent mends it');
});

for (const [format, body] of Object.entries(missingScope)) {
  test(`a consent that lacks the calendar is 409 calendar_reauthorization_required, and is asked for anew: ${format}`, async (t) => {
    const stage = t.context;
    const { service, google, stored } = stage;
    const ada = await connectedPerson(stage);
    google.put(meeting('m1', 1));
    await syncNow(service, ada);
    google.faults = { events: { kind: 'status', status: 403, body } };
    const before = google.callsOf('events');
    for (let asked = 0; asked < 3; asked += 1) {
      const answer = await syncNow(service, ada);
      t.is(answer.status, 409, answer.text);
      t.is(answer.body['code'], 'calendar_reauthorization_required');
    }
    t.is(google.callsOf('events'), before + 1, 'Google is not asked again');
    await assertRefused(t, stage, ada);
    google.faults = {};
    t.is((await connect(stage, ada)).status, 200);
    t.is((await ask(service, 'GET', '/connection', ada.authorization)).body['status'], 'connected');
    t.like((await syncNow(service, ada)).body, { created: 0, unchanged: 1, full: true });
    t.is((await stored.query('select 1 from calendar_event')).length, 1);
  });
}

test('a refresh whose scopes lack the calendar makes the connection reauthorization_required, and other scopes stay', async (t) => {
  const stage = t.context;
  const { service, google } = stage;
  const ada = await connectedPerson(stage);
  for (const granted of [
    'openid https://www.googleapis.com/auth/calendar',
    'https://www.googleapis.com/auth/calendar.events',
  ]) {
    google.grantedScopes = granted;
    await expireAccessToken(stage);
    t.is((await syncNow(service, ada)).status, 200, granted);
  }
  google.grantedScopes = 'openid email';
  google.rotates = true;
  await expireAccessToken(stage);
  const before = google.calls.length;
  for (let asked = 0; asked < 3; asked += 1) {
    t.like((await syncNow(service, ada)).body, { status: 409, code: 'calendar_reauthorization_required' });
  }
  t.is(google.calls.length, before + 1);
  await assertRefused(t, stage, ada);
  t.is((await ask(service, 'DELETE', '/connection', ada.authorization)).status, 204);
  t.deepEqual(google.liveRefreshTokens(), [], 'the new refresh token is revoked, not the one before');
});

test('a refusal that belongs to the consent before leaves a new consent as it is', async (t) => {
  const stage = t.context;
  const { service, google } = stage;
  const ada = await connectedPerson(stage);
  google.faults = {
    events: {
      kind: 'before_status',
      act: async () => {
        google.faults = {};
        t.is((await connect(stage, ada)).status, 200);
      },
      status: 403,
      body: missingScope['the usual format'],
    },
  };
  t.like((await syncNow(service, ada)).body, { status: 409, code: 'calendar_reauthorization_required' });
  t.is((await ask(service, 'GET', '/connection', ada.authorization)).body['status'], 'connected');
  t.is((await syncNow(service, ada)).status, 200);
});

test('the Retry-After of a 429 of Google is passed on as it is', async (t) => {
  const stage = t.context;
  const { service, google } = stage;
  const ada = await connectedPerson(stage);
  for (const endpoint of ['events', 'token'] as const) {
    google.faults = { [endpoint]: { kind: 'status', status: 429, retryAfter: '33' } };
    if (endpoint === 'token') await expireAccessToken(stage);
    const answer = await syncNow(service, ada);
    t.is(answer.status, 503, answer.text);
    t.is(answer.body['code'], 'external_api_unavailable');
    t.is(answer.headers.get('retry-after'), '33', endpoint);
  }
});
