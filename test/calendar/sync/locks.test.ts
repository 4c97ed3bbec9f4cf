import { Client } from 'pg';
import { eventually } from '#testkit/eventually.ts';
import { call, json } from '#testkit/running-service.ts';
import { stageTest } from '../stage-test.ts';
import { ask, beginConsent, comeBack, connectedPerson, password, signIn } from '../support.ts';

const test = stageTest();

test('while a sync stores its events, requests for the calendar of its owner wait without a connection', async (t) => {
  const { service, stored, google } = t.context;
  const ada = await connectedPerson(t.context);
  const other = await signIn(service, 'other@example.org');
  const consent = await beginConsent(service, ada);
  const sync = new Client({ connectionString: stored.url });
  await sync.connect();
  t.teardown(() => sync.end());
  await sync.query('begin; select from calendar_connection for update');
  const ended = Array.from({ length: 20 }, () => ask(service, 'DELETE', '/connection', ada.authorization));
  const back = comeBack(google.consent(consent.location), { Cookie: consent.cookie });
  const locked = async () =>
    (
      await stored.query(
        `select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
      )
    ).length;
  await eventually(async () => (await locked()) === 1, 'one request waits in the database');
  const signedIn = await call(`${service.url}/api/v1/auth/login`, json({ email: other.email, password }));
  t.is(signedIn.status, 200, signedIn.text);
  t.is(await locked(), 1);
  await sync.query('rollback');
  const statuses = (await Promise.all([...ended, back])).map(({ status }) => status);
  t.deepEqual(
    statuses.filter((status) => status !== 200 && status !== 204),
    [],
  );
});
