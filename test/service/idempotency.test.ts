import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, json, metric, scrape, serve, setFault, takeToken, type Answer } from '#testkit/running-service.ts';

test('POST /refreshes under one key: 100 duplicates, one refresh; a crash in between loses and repeats nothing', async (t) => {
  const database = await setupDatabase(t);
  const environment = {
    DATABASE_URL: database.url,
    IDEMPOTENCY_LEASE_MS: '5000',
    RATE_LIMIT_ENABLED: 'false',
    DATABASE_ACQUIRE_TIMEOUT_MS: '10000',
  };
  const first = await serve(t, environment);
  await first.logged(({ message }) => message === 'started');
  const token = await takeToken(first);
  const post = (service: typeof first, universe: string, headers: Record<string, string>): Promise<Answer> =>
    call(
      `${service.url}/api/v1/refreshes`,
      json({ universe }, { Authorization: `Bearer ${token}`, Prefer: 'wait=20', ...headers }),
    );
  const requested = (): Promise<unknown[]> => database.query(`select id from refresh where trigger = 'request'`);

  const answers = await Promise.all(
    Array.from({ length: 100 }, () => post(first, 'tech5', { 'Idempotency-Key': 'night-run-1' })),
  );
  t.is((await requested()).length, 1);
  const done = answers.filter(({ status }) => status === 200);
  t.true(done.length >= 1);
  for (const answer of answers.filter(({ status }) => status !== 200)) {
    t.like(answer, { status: 409, body: { code: 'idempotency_in_progress' } });
    t.true(Number(answer.headers.get('retry-after')) >= 1);
  }
  const repeated = await post(first, 'tech5', { 'Idempotency-Key': 'night-run-1' });
  t.is(repeated.text, done[0]!.text);
  t.is(repeated.headers.get('idempotency-replayed'), 'true');
  t.like((await post(first, 'sp500', { 'Idempotency-Key': 'night-run-1' })).body, {
    status: 422,
    code: 'idempotency_key_reused',
  });
  const badKey = await post(first, 'tech5', { 'Idempotency-Key': 'with blanks in it' });
  t.like(badKey.body, { status: 422, code: 'validation_failed' });
  t.is((badKey.body['errors'] as { pointer: string }[])[0]?.pointer, 'header.idempotency-key');
  t.is(metric(await scrape(first), 'volwatch_idempotent_requests_total', { outcome: 'ran' }), 1);

  const second = await serve(t, environment);
  await second.logged(({ message }) => message === 'started');
  await setFault(first, 'refresh.commit', { mode: 'crash' });
  await t.throwsAsync(post(first, 'tech5', { 'Idempotency-Key': 'night-run-2' }));
  await first.exited;
  const inProgress = await post(second, 'tech5', { 'Idempotency-Key': 'night-run-2' });
  t.true([202, 409].includes(inProgress.status));
  let recovered: Answer | undefined;
  await eventually(
    async () => {
      recovered = await post(second, 'tech5', { 'Idempotency-Key': 'night-run-2' });
      return recovered.status === 202;
    },
    'the request of the killed process is recovered',
    20_000,
  );
  t.is((await requested()).length, 2, 'the effect of the killed process, and no other');
  t.is(recovered?.headers.get('location'), `/api/v1/refreshes/${String(recovered?.body['id'])}`);
});
