import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, json, serve, setFault, takeToken, type Answer } from '#testkit/running-service.ts';

const universe = {
  title: 'Desk',
  source: 'upload',
  interval: '1day',
  assets: [{ symbol: 'AAA' }],
  indexes: [{ code: 'EW_AAA', name: 'All', method: 'equal_weighted', constituents: [{ symbol: 'AAA' }] }],
};
const file = 'symbol,date,close\nAAA,2024-01-02,100\nAAA,2024-01-03,101\n';

test('the key of an upload whose process dies after its 202 is free again, and the same file is stored', async (t) => {
  const database = await setupDatabase(t);
  const environment = {
    DATABASE_URL: database.url,
    IDEMPOTENCY_LEASE_MS: '3000',
    RATE_LIMIT_ENABLED: 'false',
  };
  const first = await serve(t, environment);
  await first.logged(({ message }) => message === 'started');
  const token = await takeToken(first);
  const authorization = { Authorization: `Bearer ${token}` };
  const created = await call(`${first.url}/api/v1/universes/desk`, {
    ...json(universe, { ...authorization, 'If-None-Match': '*' }),
    method: 'PUT',
  });
  t.is(created.status, 201, created.text);
  const send = (service: typeof first): Promise<Answer> =>
    call(`${service.url}/api/v1/universes/desk/prices`, {
      method: 'POST',
      headers: { ...authorization, 'Content-Type': 'text/csv', 'Idempotency-Key': 'night-file' },
      body: file,
    });
  const stored = (): Promise<unknown[]> =>
    database.query(`select 1 from price join asset on asset.id = asset_id where symbol = 'AAA'`);

  const ended = `select 1 from refresh where universe = 'desk' and finished_at is not null`;
  // Otherwise the fault would hold this refresh and its lock.
  await eventually(
    async () => (await database.query(ended)).length > 0,
    'the refresh that follows the creation has ended',
    30_000,
  );
  await setFault(first, 'refresh.commit', { mode: 'hang' });
  let answered: Answer | undefined;
  await eventually(async () => {
    answered = await send(first);
    return answered.status === 202;
  }, 'the upload is answered before its data are committed');
  t.is((await send(first)).body['code'], 'idempotency_in_progress', 'the key is in use until the data are stored');
  first.process.kill('SIGKILL');
  await first.exited;
  t.deepEqual(await stored(), []);

  const second = await serve(t, environment);
  await second.logged(({ message }) => message === 'started');
  let again: Answer | undefined;
  await eventually(
    async () => {
      again = await send(second);
      return again.status !== 409;
    },
    'the lease of the killed process ends',
    20_000,
  );
  t.is(again?.status, 202, again?.text);
  t.not(again?.body['id'], answered?.body['id']);
  await eventually(async () => (await stored()).length === 2, 'the data of the repeated upload are stored');
  await eventually(async () => {
    const replayed = await send(second);
    return replayed.headers.get('idempotency-replayed') === 'true' && replayed.text === again?.text;
  }, 'the key stands for the second upload');
  const failed = await call(`${second.url}/api/v1/refreshes/${String(answered?.body['id'])}`, {
    headers: authorization,
  });
  t.is(failed.body['status'], 'rolled_back');
});
