import anyTest, { type TestFn } from 'ava';
import { createScope } from '#testkit/scope.ts';
import { eventually } from '#testkit/eventually.ts';
import { scrape } from '#testkit/running-service.ts';
import { startOtlpReceiver, type OtlpReceiver } from '#testkit/servers/otlp-receiver.ts';
import {
  ask,
  connect,
  connectedPerson,
  expireAccessToken,
  freshPerson,
  meeting,
  signIn,
  startStage,
  syncNow,
  type Stage,
} from './support.ts';

/** One service for all tests of this file; they run one after the other. */
const test = anyTest.serial as TestFn<Stage & { collector: OtlpReceiver }>;
const scope = createScope();
test.after.always(scope.close);
test.before(async (t) => {
  const collector = await startOtlpReceiver(scope);
  const stage = await startStage(scope, {
    BREAKER_FAILURES: '1000',
    LOG_LEVEL: 'debug',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    CALENDAR_SYNC_SCHEDULE: '* * * * *',
  });
  t.context = { ...stage, collector };
});

type Item = Readonly<Record<string, unknown>>;

test('events are listed by start, with days, cursor, fields and ETag, for their owner only', async (t) => {
  const stage = t.context;
  const { service, google } = stage;
  const person = await connectedPerson(stage);
  for (const day of [4, 2, 3, 1]) google.put(meeting(`m${day}`, day));
  google.put({ id: 'holiday', start: { date: '2027-03-02' }, end: { date: '2027-03-04' } });
  google.put(meeting('same', 2));
  await syncNow(service, person);
  const list = (query: string, headers: Record<string, string> = {}) =>
    ask(service, 'GET', `/events${query}`, { ...person.authorization, ...headers });
  const ids = ({ body }: { body: Record<string, unknown> }) => (body['data'] as Item[]).map(({ id }) => id);

  const all = await list('');
  t.deepEqual(ids(all), ['m1', 'holiday', 'm2', 'same', 'm3', 'm4']);
  t.deepEqual((all.body['data'] as Item[])[1], {
    id: 'holiday',
    status: 'confirmed',
    summary: null,
    location: null,
    start: '2027-03-02',
    end: '2027-03-04',
    all_day: true,
    time_zone: null,
    recurring_event_id: null,
    original_start: null,
    link: null,
    updated_at: null,
  });
  t.like((all.body['data'] as Item[])[0], { start: '2027-03-01T08:00:00.000Z', time_zone: 'Europe/Berlin' });
  t.deepEqual(ids(await list('?from=2027-03-03&to=2027-03-03')), ['holiday', 'm3']);
  t.deepEqual(ids(await list('?from=2027-03-04')), ['m4'], 'a day after the end of an all-day event');
  t.deepEqual(ids(await list('?to=2027-03-01')), ['m1']);

  const paged: unknown[] = [];
  let cursor: string | null = null;
  do {
    const page = await list(`?limit=2${cursor === null ? '' : `&cursor=${cursor}`}`);
    t.is(page.status, 200, page.text);
    paged.push(...ids(page));
    cursor = (page.body['page'] as { next_cursor: string | null }).next_cursor;
    if (cursor !== null) t.is((await list(`?limit=2&to=2027-03-02&cursor=${cursor}`)).status, 422);
  } while (cursor !== null);
  t.deepEqual(paged, ids(all));
  // Google does not bound the length of an id.
  const long = '\u4e00'.repeat(1_024);
  google.put(meeting(long, 1));
  await syncNow(service, person);
  for (const limit of [1, 2]) {
    const { body } = await list(`?limit=${limit}&fields=id`);
    const next = await list(`?limit=1&cursor=${(body['page'] as { next_cursor: string }).next_cursor}`);
    t.is(next.status, 200, 'the last id of the page can be the long one');
  }
  google.put({ id: long, status: 'cancelled' });
  await syncNow(service, person);
  t.deepEqual((await list('?fields=id,start&limit=1')).body['data'], [{ id: 'm1', start: '2027-03-01T08:00:00.000Z' }]);
  t.is((await list('?fields=token')).status, 422);
  t.is((await list('?from=2027-02-30')).status, 422);
  const etag = all.headers.get('etag') ?? '';
  t.is((await list('', { 'If-None-Match': etag })).status, 304);

  const other = await signIn(service, 'other.reader@example.org');
  t.is((await ask(service, 'GET', '/events', other.authorization)).body['code'], 'calendar_not_connected');
  t.is((await ask(service, 'GET', '/connection', other.authorization)).body['status'], 'none');
});

test('disconnecting removes tokens and events, and revokes the consent at Google', async (t) => {
  const stage = t.context;
  const { service, google, stored } = stage;
  const person = await connectedPerson(stage);
  google.put(meeting('m1', 1));
  await syncNow(service, person);
  t.is((await ask(service, 'DELETE', '/connection', person.authorization)).status, 204);
  t.is(google.callsOf('revoke'), 1);
  t.deepEqual(google.liveRefreshTokens(), []);
  for (const table of ['connection', 'event', 'consent', 'revocation']) {
    t.deepEqual(await stored.query(`select 1 from calendar_${table}`), [], table);
  }
  t.is((await syncNow(service, person)).body['code'], 'calendar_not_connected');
  t.is((await ask(service, 'DELETE', '/connection', person.authorization)).status, 204, 'a second time');
  t.is(google.callsOf('revoke'), 1);
});

test('disconnecting works while Google is down, and a job revokes the consent later', async (t) => {
  const stage = t.context;
  const { service, google, stored } = stage;
  const person = await connectedPerson(stage);
  google.faults = { revoke: { kind: 'status', status: 500 } };
  t.is((await ask(service, 'DELETE', '/connection', person.authorization)).status, 204);
  t.is((await ask(service, 'GET', '/connection', person.authorization)).body['status'], 'none');
  t.is(google.liveRefreshTokens().length, 1);
  google.faults = {};
  await eventually(() => google.liveRefreshTokens().length === 0, 'the consent is revoked', 90_000);
  await eventually(
    async () => (await stored.query('select 1 from calendar_revocation')).length === 0,
    'nothing is left to revoke',
  );

  // Google answers that it does not know the token any more.
  const again = await freshPerson(stage);
  await connect(stage, again);
  google.endConsents();
  t.is((await ask(service, 'DELETE', '/connection', again.authorization)).status, 204);
  t.deepEqual(await stored.query('select 1 from calendar_revocation'), []);
});

test('connecting again drops a waiting revocation, which would end the new consent', async (t) => {
  const stage = t.context;
  const { service, google, stored } = stage;
  const person = await connectedPerson(stage);
  google.faults = { revoke: { kind: 'hang' } };
  t.is((await ask(service, 'DELETE', '/connection', person.authorization)).status, 204);
  t.is((await stored.query('select 1 from calendar_revocation')).length, 1);
  t.is((await connect(stage, person)).status, 200);
  t.deepEqual(await stored.query('select 1 from calendar_revocation'), []);
  t.is((await syncNow(service, person)).status, 200);
});

test('no secret is in logs, spans, metrics, errors or, in clear, in the database', async (t) => {
  const stage = t.context;
  const { service, google, stored, collector } = stage;
  const person = await connectedPerson(stage);
  google.put(meeting('m1', 1, { summary: 'canary-summary-of-a-meeting' }));
  google.rotates = true;
  const answers: string[] = [];
  const keep = async (answer: Promise<{ text: string }>): Promise<unknown> => answers.push((await answer).text);
  await keep(syncNow(service, person));
  await expireAccessToken(stage);
  await keep(syncNow(service, person));
  // A lost answer with rotation ends the consent; see docs/calendar.md.
  google.rotates = false;
  for (const fault of [
    { kind: 'status', status: 500 },
    { kind: 'not_json' },
    { kind: 'truncated' },
    {
      kind: 'change',
      change: (body: Record<string, unknown>) => ({ ...body, expires_in: 'soon', items: [{ id: 7 }] }),
    },
  ] as const) {
    google.faults = { token: fault, events: fault };
    await expireAccessToken(stage);
    await keep(syncNow(service, person));
    google.faults = { events: fault };
    await keep(syncNow(service, person));
  }
  google.faults = {};
  t.is((await syncNow(service, person)).status, 200);
  google.endConsents();
  await expireAccessToken(stage);
  await keep(syncNow(service, person));

  const tables = await stored.query(
    `select table_schema || '.' || table_name as name from information_schema.tables
     where table_schema in ('public', 'pgboss') and table_type = 'BASE TABLE'`,
  );
  const dump: string[] = [];
  for (const { name } of tables) {
    const rows = await stored.query(`select coalesce(string_agg(r::text, ''), '') as text from ${String(name)} r`);
    dump.push(String(rows[0]?.['text']));
  }
  t.true(google.issued.length > 5);
  await eventually(
    () => collector.bytes().toString('latin1').includes('calendar.token_refresh'),
    'the spans are exported',
    30_000,
  );
  const places = {
    log: JSON.stringify(service.log),
    spans: collector.bytes().toString('latin1'),
    metrics: await scrape(service),
    answers: answers.join('\n'),
    database: dump.join('\n'),
  };
  for (const [place, text] of Object.entries(places)) {
    t.true(text.length > 100, place);
    t.false(text.includes('canary-google'), `${place} has a token or the client secret`);
    if (place !== 'database') t.false(text.includes('canary-summary'), `${place} has personal data`);
    if (place !== 'database') t.false(text.includes('owner.of.calendar@'), `${place} has an address`);
  }
});
