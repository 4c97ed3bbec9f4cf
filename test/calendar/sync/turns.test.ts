import { eventually } from '#testkit/eventually.ts';
import { metric, scrape } from '#testkit/running-service.ts';
import { generousRateLimits } from '#testkit/rate-limits.ts';
import { connect, connectedPerson, expireAccessToken, freshPerson, signIn, syncNow, type Person } from '../support.ts';
import { stageTest } from '../stage-test.ts';

/** One service for all tests of this file; they run one after the other. */
const test = stageTest({
  ...generousRateLimits,
  TRUSTED_PROXIES: '127.0.0.1',
  CONNECTIONS_PER_ADDRESS_LIMIT: '1000',
  RATE_LIMIT_CALENDAR_SYNCS_PER_ADDRESS: '30',
  PROVIDER_TIMEOUT_MS: '10000',
});

const flooders = 30;
const from = (address: string) => ({ 'X-Forwarded-For': address });

test('thirty owners of one network delay the sync of another address by their turns only', async (t) => {
  const stage = t.context;
  const { service, google } = stage;
  const other = await freshPerson(stage);
  const flood: Person[] = [];
  for (let made = 0; made < flooders; made += 1) flood.push(await signIn(service, `flood${made}@example.org`));
  for (const person of [other, ...flood]) {
    // Consents count too, so each comes from an address of its own.
    const connected = await connect(stage, {
      ...person,
      authorization: { ...person.authorization, ...from(`203.0.113.${flood.indexOf(person) + 2}`) },
    });
    t.is(connected.status, 200, connected.text);
  }
  google.faults = { events: { kind: 'delay', ms: 250 } };
  const ended = new AbortController();
  const refusals = new Set<string>();
  const loops = flood.map(async (person, at) => {
    // Each address may begin thirty syncs, and the /64 networks of one site take turns as one network.
    for (let round = 0; !ended.signal.aborted; round += 1) {
      const answer = await syncNow(service, person, from(`2001:db8:1:${(at % 8) + round * 8}::1`));
      if (answer.status !== 200) refusals.add(String(answer.body['code']));
    }
  });
  // Four calls have a place, so a fifth one says that the others wait.
  await eventually(() => google.callsOf('events') > 4, 'the owners wait for their turns');
  const took: number[] = [];
  for (let round = 0; round < 8; round += 1) {
    const startedAt = performance.now();
    const answer = await syncNow(service, other, from('198.51.100.7'));
    t.is(answer.status, 200, answer.text);
    took.push(Math.round(performance.now() - startedAt));
  }
  ended.abort();
  await Promise.all(loops);
  t.log(`a sync of the other address: ${took.join(', ')} ms`);
  t.true(Math.max(...took) < 3_000, took.join());
  t.deepEqual([...refusals], [], 'the queue has room for all of them');
});

test('more syncs of an address than its limit are 429 with Retry-After', async (t) => {
  const stage = t.context;
  const ada = await connectedPerson(stage);
  const answers = [];
  for (let sent = 0; sent < 31; sent += 1) answers.push(await syncNow(stage.service, ada, from('203.0.113.200')));
  t.deepEqual([...new Set(answers.slice(0, 30).map(({ status }) => status))], [200]);
  const last = answers[30]!;
  t.is(last.status, 429);
  t.is(last.body['code'], 'rate_limit_exceeded');
  const seconds = Number(last.headers.get('retry-after'));
  t.true(seconds >= 1 && seconds <= 60);
  t.is((await syncNow(stage.service, ada, from('203.0.113.201'))).status, 200);
});

test('a shared sync goes on when the request that began it ends while it waits for a place', async (t) => {
  const stage = t.context;
  const { service, google } = stage;
  const ada = await connectedPerson(stage);
  await expireAccessToken(stage);
  google.calls.length = 0;
  const gate = Promise.withResolvers<void>();
  google.faults = { token: { kind: 'before', act: () => gate.promise }, events: { kind: 'delay', ms: 10 } };
  // Four other callers hold all places of requests with the exchange of their codes.
  const holders: Person[] = [];
  for (let made = 0; made < 4; made += 1) holders.push(await signIn(service, `holder${made}@example.org`));
  const held = holders.map((holder) => connect(stage, holder));
  await eventually(() => google.callsOf('token') === 4, 'four exchanges have begun');
  const browser = new AbortController();
  const first = fetch(`${service.url}/api/v1/calendar/sync/auto`, {
    method: 'POST',
    headers: ada.authorization,
    signal: browser.signal,
  });
  const isRefreshing = async () =>
    (await stage.stored.query('select 1 from calendar_connection where refresh_lease is not null')).length > 0;
  await eventually(isRefreshing, 'the sync wants to ask Google');
  const syncs = async () =>
    metric(await scrape(service), 'http_server_active_requests', { http_request_method: 'POST' });
  const second = syncNow(service, ada);
  await eventually(async () => (await syncs()) === 2, 'both requests wait for the sync');
  browser.abort();
  await t.throwsAsync(first);
  await eventually(async () => (await syncs()) === 1, 'the first request has ended');
  gate.resolve();
  t.deepEqual(
    (await Promise.all(held)).map(({ status }) => status),
    [200, 200, 200, 200],
  );
  const { status, text } = await second;
  t.is(status, 200, text);
  t.is(google.callsOf('token'), 5, 'one refresh');
});
