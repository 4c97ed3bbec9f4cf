import { metric, scrape } from '#testkit/running-service.ts';
import { ask, connect, connectedPerson, expireAccessToken, meeting, storedEvents, syncNow } from './support.ts';
import { stageTest } from './stage-test.ts';

/** Four services on one database for all tests of this file; they run one after the other. */
const test = stageTest({}, 4);

test('100 callers of four processes with an expired token: one token call, 100 good answers', async (t) => {
  const stage = t.context;
  const { services, google } = stage;
  const ada = await connectedPerson(stage);
  for (const day of [1, 2, 3]) google.put(meeting(`m${day}`, day));
  for (const rotates of [false, true]) {
    google.rotates = rotates;
    await expireAccessToken(stage);
    google.faults = { token: { kind: 'delay', ms: 300 } };
    const before = google.callsOf('token');
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, caller) => syncNow(services[caller % services.length]!, ada)),
    );
    t.deepEqual([...new Set(answers.map(({ status, text }) => (status === 200 ? 200 : text)))], [200]);
    t.is(google.callsOf('token') - before, 1);
  }
  t.deepEqual(await storedEvents(stage), ['m1', 'm2', 'm3']);
  const exposition = (await Promise.all(services.map((service) => scrape(service)))).join('\n');
  t.is(metric(exposition, 'volwatch_calendar_token_refreshes_total', { outcome: 'refreshed' }), 2);
});

test('a rotated refresh token is stored with its access token', async (t) => {
  const stage = t.context;
  const { service, google } = stage;
  const ada = await connectedPerson(stage);
  google.rotates = true;
  for (let refreshed = 0; refreshed < 3; refreshed += 1) {
    await expireAccessToken(stage);
    t.is((await syncNow(service, ada)).status, 200);
  }
  t.is(google.callsOf('token'), 4);
  t.is(google.liveRefreshTokens().length, 1);
});

test('an access token that Google ended early is refreshed once, and one that expires soon is used', async (t) => {
  const stage = t.context;
  const { service, google } = stage;
  const ada = await connectedPerson(stage);
  google.endAccessTokens();
  t.is((await syncNow(service, ada)).status, 200);
  t.is(google.callsOf('token'), 2);
  google.faults = { events: { kind: 'status', status: 401 } };
  t.like((await syncNow(service, ada)).body, { status: 502, code: 'external_api_bad_response' });
  t.is(google.callsOf('token'), 3, 'no loop of refreshes');
  google.faults = {};
  google.expiresInSeconds = 5;
  await expireAccessToken(stage);
  t.is((await syncNow(service, ada)).status, 200);
  t.is(google.callsOf('token'), 4);
});

test('invalid_grant asks for a new consent, without retries, and a new consent ends it', async (t) => {
  const stage = t.context;
  const { service, google, stored } = stage;
  const ada = await connectedPerson(stage);
  google.put(meeting('m1', 1));
  await syncNow(service, ada);
  google.endConsents();
  await expireAccessToken(stage);
  const before = google.callsOf('token');
  for (let asked = 0; asked < 3; asked += 1) {
    t.like((await syncNow(service, ada)).body, { status: 409, code: 'calendar_reauthorization_required' });
  }
  t.is(google.callsOf('token'), before + 1);
  t.is((await ask(service, 'GET', '/connection', ada.authorization)).body['status'], 'reauthorization_required');
  t.is((await ask(service, 'GET', '/events', ada.authorization)).status, 200, 'synced events stay');
  const [event] = await stored.query(
    `select outcome, reason from audit_event where action = 'calendar.reauthorization_required'
       and stream = (select 'calendar:' || id from calendar_connection)`,
  );
  t.deepEqual(event, { outcome: 'failure', reason: 'calendar_reauthorization_required' });
  t.is((await connect(stage, ada)).status, 200);
  t.like((await syncNow(service, ada)).body, { created: 0, unchanged: 1, full: true });
});

test('an answer without the calendar does not end a consent that was given while Google answered', async (t) => {
  const stage = t.context;
  const { service, google, stored } = stage;
  const ada = await connectedPerson(stage);
  await expireAccessToken(stage);
  let reconnected: number | undefined;
  const reconnect = async (): Promise<void> => {
    google.faults = {};
    reconnected = (await connect(stage, ada)).status;
    // From now on the answers are those to the old consent, whose calendar the user has withdrawn.
    google.grantedScopes = 'openid';
  };
  google.faults = { token: { kind: 'before', act: reconnect } };
  const { status, text } = await syncNow(service, ada);
  t.is(reconnected, 200);
  t.is(status, 200, text);
  t.is((await ask(service, 'GET', '/connection', ada.authorization)).body['status'], 'connected');
  const actions = await stored.query(
    `select action from audit_event where stream = (select 'calendar:' || id from calendar_connection) order by sequence`,
  );
  t.deepEqual(
    actions.map(({ action }) => action),
    ['calendar.connected', 'calendar.connected'],
  );

  await expireAccessToken(stage);
  t.like((await syncNow(service, ada)).body, { status: 409, code: 'calendar_reauthorization_required' });
  t.is((await ask(service, 'GET', '/connection', ada.authorization)).body['status'], 'reauthorization_required');
});

test('faults of the token endpoint have their codes, and the next sync is right', async (t) => {
  const stage = t.context;
  const { service, google } = stage;
  const ada = await connectedPerson(stage);
  await expireAccessToken(stage);
  const cases = [
    [{ kind: 'status', status: 500 }, 502, 'external_api_bad_response'],
    [{ kind: 'hang' }, 504, 'external_api_timeout'],
    [{ kind: 'reset' }, 503, 'external_api_unavailable'],
    [{ kind: 'truncated' }, 502, 'external_api_bad_response'],
    [{ kind: 'not_json' }, 502, 'external_api_bad_response'],
    [{ kind: 'status', status: 429, retryAfter: '9' }, 503, 'external_api_unavailable'],
    [{ kind: 'status', status: 401, body: { error: 'invalid_client' } }, 502, 'external_api_bad_response'],
  ] as const;
  for (const [fault, status, code] of cases) {
    google.faults = { token: fault };
    const answer = await syncNow(service, ada);
    t.is(answer.status, status, JSON.stringify(fault));
    t.is(answer.body['code'], code);
  }
  google.faults = {};
  t.is((await syncNow(service, ada)).status, 200);
});
