import { createHash, randomUUID } from 'node:crypto';
import { call, scrape } from '#testkit/running-service.ts';
import type { Service } from '#testkit/service.ts';
import { ask, beginConsent, comeBack, connect, freshPerson, openSession, signIn, startStage } from './support.ts';
import { stageTest } from './stage-test.ts';

/** One service for all tests of this file; they run one after the other. */
const test = stageTest();

test('connect sends the browser to Google with PKCE and a state, and the callback stores encrypted tokens', async (t) => {
  const stage = t.context;
  const { service, google, stored } = stage;
  const ada = await freshPerson(t.context);
  t.deepEqual((await ask(service, 'GET', '/connection', ada.authorization)).body, {
    status: 'none',
    scopes: [],
    connected_at: null,
  });

  const { answer, location, cookie } = await beginConsent(service, ada);
  t.is(answer.status, 302);
  const asked = new URL(location).searchParams;
  t.is(asked.get('response_type'), 'code');
  t.is(asked.get('code_challenge_method'), 'S256');
  t.is(asked.get('access_type'), 'offline');
  t.is(asked.get('scope'), 'https://www.googleapis.com/auth/calendar.events.readonly');
  t.is(asked.get('redirect_uri'), `${service.url}/api/v1/calendar/callback`);
  t.regex(
    answer.headers.get('set-cookie') ?? '',
    /^__Host-calendar-consent=[\w-]{43}; .*Secure; HttpOnly; SameSite=Lax$/,
  );

  const back = await comeBack(google.consent(location), { Cookie: cookie });
  t.is(back.status, 200, back.text);
  t.is(back.body['status'], 'connected');
  const sent = google.calls.find(({ endpoint }) => endpoint === 'token')?.form ?? {};
  const challenge = createHash('sha256')
    .update(sent['code_verifier'] ?? '')
    .digest('base64url');
  t.is(challenge, asked.get('code_challenge') ?? '');

  const shown = await ask(service, 'GET', '/connection', ada.authorization);
  t.is(shown.body['status'], 'connected');
  t.deepEqual(shown.body['scopes'], ['https://www.googleapis.com/auth/calendar.events.readonly']);
  const [row] = await stored.query('select access_token, refresh_token from calendar_connection');
  t.regex(String(row?.['access_token']), /^v1\.[0-9a-f]{8}\.[\w-]+$/);
  t.regex(String(row?.['refresh_token']), /^v1\.[0-9a-f]{8}\.[\w-]+$/);
  const actions = await stored.query(
    `select action from audit_event where stream = (select 'calendar:' || id from calendar_connection)`,
  );
  t.deepEqual(
    actions.map(({ action }) => action),
    ['calendar.connected'],
  );
});

test('a client without cookie store comes back with its token', async (t) => {
  const { service, google } = t.context;
  const ada = await freshPerson(t.context);
  const { location } = await beginConsent(service, ada);
  const back = await comeBack(google.consent(location), ada.authorization);
  t.is(back.status, 200, back.text);
});

test('a state that was used, is unknown, or is of another caller or browser is refused', async (t) => {
  const stage = t.context;
  const { service, google, stored } = stage;
  const ada = await freshPerson(t.context);
  const eve = await signIn(service, 'eve@example.org');
  const refused = async (name: string, url: URL, headers: Record<string, string>): Promise<void> => {
    const tokenCalls = google.callsOf('token');
    const { status, body } = await comeBack(url, headers);
    t.is(status, 400, name);
    t.is(body['code'], 'calendar_state_invalid', name);
    t.is(google.callsOf('token'), tokenCalls, `${name}: the code is not used`);
  };

  const first = await beginConsent(service, ada);
  const url = google.consent(first.location);
  t.is((await comeBack(url, { Cookie: first.cookie })).status, 200);
  await refused('replayed', url, { Cookie: first.cookie });

  // The attack: Eve makes the browser of Ada finish the consent of Eve.
  const ofEve = await beginConsent(service, eve);
  await refused('of another user', google.consent(ofEve.location), ada.authorization);
  const again = await beginConsent(service, eve);
  const ofAda = await beginConsent(service, ada);
  await refused('of another browser', google.consent(again.location), { Cookie: ofAda.cookie });
  const third = await beginConsent(service, eve);
  await refused('without cookie and token', google.consent(third.location), {});
  const both = await beginConsent(service, eve);
  await refused('of another user, with its cookie', google.consent(both.location), {
    Cookie: both.cookie,
    ...ada.authorization,
  });

  const unknown = google.consent(ofAda.location);
  unknown.searchParams.set('state', 'made-up');
  await refused('unknown', unknown, { Cookie: ofAda.cookie });
  await stored.query(`update calendar_consent set expires_at = now() - interval '1 second'`);
  await refused('expired', google.consent(ofAda.location), { Cookie: ofAda.cookie });
  t.is((await stored.query('select 1 from calendar_connection')).length, 1);
});

test('another live session than the one that began the consent is refused, also of the same user', async (t) => {
  const { service, google, stored } = t.context;
  const ada = await freshPerson(t.context);
  const [began, other] = [await openSession(service, ada), await openSession(service, ada)];
  const consentOf = async () => (await beginConsent(service, { authorization: began.browser })).location;
  const ofOther = google.consent(await consentOf());
  t.is((await ask(service, 'GET', '/connection', other.browser)).status, 200, 'the other session is live');
  const refused = await comeBack(ofOther, other.browser);
  t.is(refused.status, 400, refused.text);
  t.is(refused.body['code'], 'calendar_state_invalid');
  t.is(google.callsOf('token'), 0, 'the code is not used');
  t.is((await comeBack(ofOther, began.browser)).status, 400, 'the state was taken');
  t.deepEqual(await stored.query('select 1 from calendar_connection'), []);

  const back = await comeBack(google.consent(await consentOf()), began.browser);
  t.is(back.status, 200, back.text);
});

test('a token of the same user finishes a consent that a session began, because a token has no session', async (t) => {
  const { service, google } = t.context;
  const ada = await freshPerson(t.context);
  const { browser } = await openSession(service, ada);
  const { location } = await beginConsent(service, { authorization: browser });
  const back = await comeBack(google.consent(location), ada.authorization);
  t.is(back.status, 200, back.text);
});

test('a consent whose session or token ended before the browser comes back stores no calendar', async (t) => {
  const { service, google, stored } = t.context;
  const finish = async (work: (userId: string) => Promise<unknown>) => {
    const ada = await freshPerson(t.context);
    const { location, cookie } = await beginConsent(service, ada);
    await work(ada.id);
    const { status, body } = await comeBack(google.consent(location), { Cookie: cookie });
    return { status, code: body['code'], stored: (await stored.query('select 1 from calendar_connection')).length };
  };
  const ofSession = `update calendar_consent set session_id = $1`;
  const refused = (code: string) => ({ status: 401, code, stored: 0 });

  const revoked = google.callsOf('revoke');
  t.deepEqual(await finish(() => stored.query(ofSession, [randomUUID()])), refused('credentials_missing'));
  t.is(google.callsOf('revoke'), revoked + 1);
  t.deepEqual(google.liveRefreshTokens(), [], 'the consent that was refused here is revoked at Google');
  t.deepEqual(
    await finish(async (userId) => {
      const id = randomUUID();
      await stored.query(
        `insert into user_session (id, token_hash, user_id, created_at, seen_at, expires_at)
         values ($1, $2, $3, now(), now(), now() + interval '1 hour')`,
        [id, Buffer.from(id), userId],
      );
      await stored.query(ofSession, [id]);
    }),
    { status: 200, code: undefined, stored: 1 },
  );
  t.deepEqual(
    await finish((userId) =>
      stored.query(
        `insert into revoked_token (token_id, revoked_at, expires_at)
         select access_token_id, now(), access_expires_at from refresh_token join refresh_family on id = family_id
         where user_id = $1`,
        [userId],
      ),
    ),
    refused('token_revoked'),
  );
  t.deepEqual(
    await finish((userId) =>
      stored.query(
        `insert into owner_end (owner_kind, owner_id, reason, ended_at) values ('user', $1, 'tokens_ended', now())`,
        [userId],
      ),
    ),
    refused('token_revoked'),
  );
});

test('denied consent, a missing scope and faults of the code exchange have answers of their own', async (t) => {
  const { service, google, stored } = t.context;
  const ada = await freshPerson(t.context);
  const finish = async (answer: 'allow' | 'deny' = 'allow', change: (url: URL) => void = () => {}) => {
    const { location, cookie } = await beginConsent(service, ada);
    const url = google.consent(location, answer);
    change(url);
    const { status, body, headers } = await comeBack(url, { Cookie: cookie });
    return { status, code: body['code'], retryAfter: headers.get('retry-after') };
  };
  const answered = (status: number, code: string) => ({ status, code, retryAfter: null });

  t.deepEqual(await finish('deny'), answered(403, 'calendar_consent_denied'));
  t.deepEqual(
    await finish('allow', (url) => url.searchParams.set('code', 'made-up')),
    answered(400, 'calendar_code_invalid'),
  );
  google.grantedScopes = 'openid';
  t.deepEqual(await finish(), answered(403, 'calendar_consent_denied'));
  google.grantedScopes = 'https://www.googleapis.com/auth/calendar.events.readonly';

  google.faults = { token: { kind: 'change', change: (body) => ({ ...body, refresh_token: undefined }) } };
  t.like(await finish(), { status: 502, code: 'external_api_bad_response' });
  google.faults = { token: { kind: 'status', status: 401, body: { error: 'invalid_client' } } };
  t.like(await finish(), { status: 502, code: 'external_api_bad_response' });
  google.faults = { token: { kind: 'not_json' } };
  t.like(await finish(), { status: 502, code: 'external_api_bad_response' });
  google.faults = { token: { kind: 'hang' } };
  const before = google.callsOf('token');
  t.like(await finish(), { status: 504, code: 'external_api_timeout' });
  t.is(google.callsOf('token'), before + 1, 'a code is sent once');
  google.faults = { token: { kind: 'status', status: 429, retryAfter: '7' } };
  t.deepEqual(await finish(), { status: 503, code: 'external_api_unavailable', retryAfter: '7' });

  google.faults = {};
  t.is((await stored.query('select 1 from calendar_connection')).length, 0);
  t.is((await finish()).status, 200);
});

test('an API key cannot use a calendar, and a service without Google says so', async (t) => {
  const { service } = t.context;
  const ada = await freshPerson(t.context);
  const made = await fetch(`${service.url}/api/v1/api-keys`, {
    method: 'POST',
    headers: { ...ada.authorization, 'Content-Type': 'application/json' },
    body: JSON.stringify({ name: 'desk', scopes: ['ml:read'] }),
  });
  const { key } = (await made.json()) as { key: string };
  for (const [method, path] of [
    ['GET', '/connect'],
    ['GET', '/connection'],
    ['DELETE', '/connection'],
    ['POST', '/sync/auto'],
    ['GET', '/events'],
  ] as const) {
    const { status, body } = await ask(service, method, path, { 'X-API-Key': key });
    t.is(status, 403, path);
    t.is(body['code'], 'scope_insufficient', path);
    t.is((await ask(service, method, path)).body['code'], 'credentials_missing', path);
  }

  const bare = await startStage(t, { GOOGLE_CLIENT_ID: '', GOOGLE_CLIENT_SECRET: '' });
  const bob = await signIn(bare.service);
  const answer = await ask(bare.service, 'GET', '/connect', bob.authorization);
  t.is(answer.status, 404);
  t.is(answer.body['code'], 'calendar_not_configured');
});

test('the health of google_calendar is checked and measured only if Google is configured, else it is disabled', async (t) => {
  const healthOf = async (service: Service) => {
    const { body, status } = await call(`${service.url}/health`);
    const { google_calendar: entry } = body['dependencies'] as Record<string, Record<string, unknown>>;
    const measured = (await scrape(service))
      .split('\n')
      .filter((line) => line.startsWith('volwatch_') && line.includes('dependency="google_calendar"'))
      // Counters begin at 0 for each known label.
      .filter((line) => !line.startsWith('volwatch_retries_total'));
    return { status, overall: body['status'], entry: entry!, measured };
  };
  const bare = await startStage(t, { GOOGLE_CLIENT_ID: '', GOOGLE_CLIENT_SECRET: '' });
  const without = await healthOf(bare.service);
  const { since, ...told } = without.entry;
  t.deepEqual(told, { status: 'disabled', latency_ms: null });
  t.true(Date.parse(String(since)) <= Date.now());
  t.deepEqual(without.measured, []);
  t.is(without.status, 200);

  const { entry, measured } = await healthOf(t.context.service);
  t.is(entry['status'], 'up');
  t.regex(String(entry['detail']), /^circuit closed/);
  t.true(measured.some((line) => line.startsWith('volwatch_dependency_up{')));
});

test('a consent request of an owner replaces the oldest of five', async (t) => {
  const stage = t.context;
  const { service, google, stored } = stage;
  const ada = await freshPerson(t.context);
  const begun = [];
  for (let asked = 0; asked < 7; asked += 1) begun.push(await beginConsent(service, ada));
  t.is((await stored.query('select 1 from calendar_consent')).length, 5);
  t.is((await comeBack(google.consent(begun[0]!.location), { Cookie: begun[0]!.cookie })).status, 400);
  t.is((await comeBack(google.consent(begun[6]!.location), { Cookie: begun[6]!.cookie })).status, 200);
  t.is((await connect(stage, ada)).status, 200);
});
