import anyTest, { type TestFn } from 'ava';
import { createScope } from '#testkit/scope.ts';
import { call, json, takeToken } from '#testkit/running-service.ts';
import { connect, connectedPerson, meeting, signIn, startStage, syncNow, type Person, type Stage } from './support.ts';

/** One service for all tests of this file; they run one after the other. */
const test = anyTest.serial as TestFn<Stage>;
const scope = createScope();
test.after.always(scope.close);
test.before(async (t) => {
  const stage = await startStage(scope);
  t.context = stage;
  await stage.stored.query(
    `insert into asset (symbol, name, exchange, currency)
     select symbol, symbol, 'X', 'USD' from unnest('{AAPL,BRK,BRK.B,^GSPC,IT,A-B}'::text[]) as symbol
     on conflict do nothing`,
  );
});

const eventsOf = ({ service }: Stage, person: Person, symbol: string, query = '') =>
  call(`${service.url}/api/v1/assets/${encodeURIComponent(symbol)}/events${query}`, { headers: person.authorization });
const titles = ({ body }: { body: Record<string, unknown> }) =>
  (body['data'] as { summary: string }[]).map(({ summary }) => summary);

test('the events of an asset are those that name its symbol as a word, by start', async (t) => {
  const stage = t.context;
  const ada = await connectedPerson(stage);
  const summaries = [
    'AAPL earnings',
    'Call about (AAPL), 1Q',
    'NASDAQ:AAPL expiry',
    "$AAPL and BRK.B: AAPL's dividend",
    'aapl in lower case',
    'AAPLX and XAAPL, AAPL_2, AAPL.L',
    'BRK meets ^GSPC.',
    'It is about IT',
    'it is a GSPC day',
    'A-B test',
    'AXB test',
    'Expiry of AAPL.',
  ];
  for (const [index, summary] of summaries.entries()) stage.google.put(meeting(`e${index}`, index + 1, { summary }));
  stage.google.put(meeting('untitled', 20, { summary: undefined }));
  t.is((await syncNow(stage.service, ada)).status, 200);
  const named = async (symbol: string) => titles(await eventsOf(stage, ada, symbol));
  const of = (...positions: number[]) => positions.map((position) => summaries[position]);
  t.deepEqual(await named('AAPL'), of(0, 1, 2, 3, 11));
  t.deepEqual(await named('BRK.B'), of(3));
  t.deepEqual(await named('BRK'), of(6));
  t.deepEqual(await named('^GSPC'), of(6));
  t.deepEqual(await named('IT'), of(7));
  t.deepEqual(await named('A-B'), of(9));

  t.deepEqual(titles(await eventsOf(stage, ada, 'AAPL', '?from=2027-03-02&to=2027-03-03')), of(1, 2));
  const first = await eventsOf(stage, ada, 'AAPL', '?limit=3&fields=summary');
  t.deepEqual(
    first.body['data'],
    of(0, 1, 2).map((summary) => ({ summary })),
  );
  const { next_cursor: cursor } = first.body['page'] as { next_cursor: string };
  t.deepEqual(titles(await eventsOf(stage, ada, 'AAPL', `?limit=3&cursor=${cursor}`)), of(3, 11));
  t.is((await eventsOf(stage, ada, 'BRK', `?limit=3&cursor=${cursor}`)).status, 422, 'a cursor of another asset');
  const etag = first.headers.get('etag') ?? '';
  const again = { headers: { ...ada.authorization, 'If-None-Match': etag } };
  t.is((await call(`${stage.service.url}/api/v1/assets/AAPL/events?limit=3&fields=summary`, again)).status, 304);
});

test('the events of an asset are for their owner only, and each refusal has its code', async (t) => {
  const stage = t.context;
  const { service, google } = stage;
  const ada = await connectedPerson(stage);
  google.put(meeting('e1', 1, { summary: 'AAPL earnings of Ada' }));
  await syncNow(service, ada);
  t.deepEqual(titles(await eventsOf(stage, ada, 'AAPL')), ['AAPL earnings of Ada']);

  const bob = await signIn(service, 'bob.reader@example.org');
  t.like((await eventsOf(stage, bob, 'AAPL')).body, { status: 409, code: 'calendar_not_connected' });
  google.reset();
  t.is((await connect(stage, bob)).status, 200);
  google.put(meeting('e2', 2, { summary: 'AAPL earnings of Bob' }));
  t.is((await syncNow(service, bob)).status, 200);
  t.deepEqual(titles(await eventsOf(stage, bob, 'AAPL')), ['AAPL earnings of Bob']);
  t.deepEqual(titles(await eventsOf(stage, ada, 'AAPL')), ['AAPL earnings of Ada']);

  t.like((await eventsOf(stage, ada, 'NOBODY')).body, { status: 404, code: 'resource_not_found' });
  t.like((await eventsOf(stage, ada, 'a b')).body, { status: 422, code: 'validation_failed' });
  const nobody = await call(`${service.url}/api/v1/assets/AAPL/events`);
  t.like(nobody.body, { status: 401, code: 'credentials_missing' });
  const authorization = { Authorization: `Bearer ${await takeToken(service)}` };
  const made = await call(`${service.url}/api/v1/api-keys`, json({ name: 'k', scopes: [] }, authorization));
  const byKey = await call(`${service.url}/api/v1/assets/AAPL/events`, {
    headers: { 'X-API-Key': String(made.body['key']) },
  });
  t.like(byKey.body, { status: 403, code: 'scope_insufficient' });
});
