import { eventually } from '#testkit/eventually.ts';
import { call, metric, scrape } from '#testkit/running-service.ts';
import { ask, connectedPerson, meeting, syncNow } from '../support.ts';
import { stageTest } from '../stage-test.ts';

/** One service for all tests of this file; they run one after the other. */
const test = stageTest({ BREAKER_FAILURES: '5', BREAKER_RESET_MS: '1000' });

const ofErrors = (code: number, ...errors: { readonly domain: string; readonly reason: string }[]) => ({
  error: { code, message: 'Described by the fake', errors },
});
const ofDetails = (reason: string) => ({
  error: {
    code: 403,
    status: 'PERMISSION_DENIED',
    details: [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: 'googleapis.com' }],
  },
});
const html = '<!doctype html><title>Blocked by the proxy</title>';
const forbidden = { domain: 'global', reason: 'forbidden' };

/** Answers that are the same for each account. */
const answers = [
  ['a page of a proxy', 403, html],
  ['a page of a wrong server', 404, html],
  ['other JSON of a proxy', 403, { error: 'forbidden' }],
  ['an unknown path of an API', 404, { error: { code: 404, message: 'Not Found', status: 'NOT_FOUND' } }],
  ['an unknown path with the usual format', 404, ofErrors(404, { domain: 'usageLimits', reason: 'notFound' })],
  ['the API is switched off', 403, ofErrors(403, { domain: 'usageLimits', reason: 'accessNotConfigured' })],
  ['the API is switched off, newer format', 403, ofDetails('SERVICE_DISABLED')],
  [
    'the project is not paid',
    403,
    { error: { ...ofErrors(403, forbidden).error, ...ofDetails('BILLING_DISABLED').error } },
  ],
  ['forbidden without the calendar', 403, ofErrors(403, forbidden)],
  ['no body', 403, ''],
] as const;

test('a 403 or 404 that names no reason of an account is a failure of Google, and ends no connection', async (t) => {
  const stage = t.context;
  const { service, google, stored } = stage;
  const person = await connectedPerson(stage);
  google.put(meeting('one', 1));
  const labels = { dependency: 'google_calendar', outcome: 'error' };
  const failures = async () =>
    metric(await scrape(service), 'volwatch_dependency_request_duration_seconds_count', labels);
  for (const [name, status, body] of answers) {
    const before = await failures();
    google.faults = { events: { kind: 'status', status, body } };
    const answer = await syncNow(service, person);
    t.is(answer.status, 502, name);
    t.is(answer.body['code'], 'external_api_bad_response', name);
    t.true((await failures()) > before, name);
    t.is((await ask(service, 'GET', '/connection', person.authorization)).body['status'], 'connected', name);
    google.faults = {};
    t.is((await syncNow(service, person)).status, 200, name);
  }
  const ended = `select 1 from audit_event where action = 'calendar.reauthorization_required'`;
  t.deepEqual(await stored.query(ended), []);
});

test('the detail names the reason of a project', async (t) => {
  const stage = t.context;
  const { service, google } = stage;
  const person = await connectedPerson(stage);
  google.faults = { events: { kind: 'status', status: 403, body: ofDetails('SERVICE_DISABLED') } };
  t.regex(String((await syncNow(service, person)).body['detail']), /the project of this service \(SERVICE_DISABLED\)/);
});

test('answers of a proxy open the circuit, and syncs go on when Google answers again', async (t) => {
  const stage = t.context;
  const { service, google } = stage;
  const person = await connectedPerson(stage);
  google.faults = { events: { kind: 'status', status: 403, body: html } };
  const isOpen = async (): Promise<boolean> => {
    await syncNow(service, person);
    return /volwatch_circuit_breaker_state\{[^}]*dependency="google_calendar"[^}]*\} 2/.test(await scrape(service));
  };
  await eventually(isOpen, 'the circuit is open');
  const isShown = async (): Promise<boolean> =>
    /"google_calendar":\{"status":"(down|degraded)"[^}]*external_api_bad_response/.test(
      (await call(`${service.url}/health`)).text,
    );
  await eventually(isShown, 'health shows the failure');
  google.faults = {};
  await eventually(async () => (await syncNow(service, person)).status === 200, 'a sync succeeds');
  t.is((await ask(service, 'GET', '/connection', person.authorization)).body['status'], 'connected');
});
