import { connect } from 'node:net';
import test from 'ava';
import { eventually } from '#testkit/eventually.ts';
import { base, type Item, type List } from '../setup-http.ts';
import { desk } from '../universes/setup.ts';
import { header, setupUploads, two } from './setup.ts';

const keyed = (key: string, more: Record<string, string> = {}) => ({ headers: { 'Idempotency-Key': key, ...more } });
const refreshCount = async (get: <B>(path: string) => Promise<B>): Promise<number> =>
  (await get<List>('/refreshes')).data.length;

test.serial('a repeated upload gets the answer of the first one and is not read again', async (t) => {
  const { send, get, metrics } = await setupUploads(t);
  const first = await send(two, keyed('a'));
  t.is(first.status, 200);
  const bytes = metrics.value('volwatch_upload_bytes_total');
  const again = await send(two, keyed('a'));
  t.deepEqual(again, first);
  t.is(metrics.value('volwatch_upload_bytes_total'), bytes);
  t.is(await refreshCount(get), 1);
  t.is((await send(two, keyed('b'))).status, 200);
  t.is(await refreshCount(get), 2);
});

test.serial('a key with another file, other parameters or another digest is refused', async (t) => {
  const { send } = await setupUploads(t);
  const digest = { 'Content-Digest': 'sha-256=:AAAA:' };
  t.is((await send(two, keyed('a', digest))).status, 200);
  for (const answer of [
    await send(`${two}AAA,2024-01-05,1\n`, keyed('a', digest)),
    await send(two, { ...keyed('a', digest), query: '?mode=replace' }),
    await send(two, { ...keyed('a', digest), query: '?adjusted=true' }),
    await send(two, keyed('a', { 'Content-Digest': 'sha-256=:BBBB:' })),
    await send(two, keyed('a', { ...digest, 'Content-Type': 'application/x-ndjson' })),
  ]) {
    t.is(answer.status, 422);
    t.is(answer.body['code'], 'idempotency_key_reused');
  }
});

test.serial(
  'a key of an upload to a universe that was deleted does not stand for the new one of its name',
  async (t) => {
    const { send, remove, put, closes } = await setupUploads(t);
    t.is((await send(two, keyed('a'))).status, 200);
    const changed = { ...desk(), title: 'Changed' };
    t.is((await put('desk', changed, { 'If-Match': '*' })).status, 200);
    t.is((await send(two, keyed('a'))).status, 200, 'the same universe');
    t.is((await remove('desk')).status, 204);
    t.is((await put('desk', desk())).status, 201);
    const again = await send(two, keyed('a'));
    t.like([again.status, again.body['code']], [422, 'idempotency_key_reused']);
    t.is((await send(two, keyed('b'))).status, 200);
    t.is((await closes()).length, 4);
  },
);

test.serial('a form is the same upload with another boundary', async (t) => {
  const { send, get } = await setupUploads(t);
  const form = (): FormData => {
    const data = new FormData();
    data.set('file', new File([two], 'prices.csv'));
    return data;
  };
  const first = await send(form(), keyed('a'));
  t.is(first.status, 200, JSON.stringify(first.body));
  t.deepEqual(await send(form(), keyed('a')), first);
  t.is(await refreshCount(get), 1);
});

test.serial('a refused file, a cut file and a rolled back file release their key', async (t) => {
  const { send, get, port, faults, refreshes, closes } = await setupUploads(t);
  t.is((await send(`${header}CCC,2024-01-02,1\n`, keyed('a'))).status, 422);
  faults.set('refresh.commit', { mode: 'error', count: 1, probability: 1, delay_ms: 0 });
  t.is((await send(two, keyed('a'))).status, 503);
  const socket = connect(port, '127.0.0.1', () => {
    socket.write(
      `POST ${base}/universes/desk/prices HTTP/1.1\r\nHost: a\r\nIdempotency-Key: a\r\nContent-Type: text/csv\r\nContent-Length: 1000\r\n\r\n${header}`,
    );
  });
  socket.on('error', () => {});
  t.teardown(() => socket.destroy());
  const newest = async (): Promise<Item> => (await get<List>('/refreshes?limit=1')).data[0]!;
  await eventually(async () => (await newest())['status'] === 'running', 'the upload runs');
  socket.destroy();
  await refreshes.idle();
  t.deepEqual(await closes(), []);
  await eventually(async () => (await send(two, keyed('a'))).status === 200, 'the key is free');
  t.is((await closes()).length, 4);
});

test.serial('an upload that was answered before its end commits, and the answer is repeated', async (t) => {
  const { send, get, faults, metrics } = await setupUploads(t);
  const options = { headers: { 'Idempotency-Key': 'a', Prefer: '' } };
  faults.set('refresh.commit', { mode: 'delay', count: 1, probability: 1, delay_ms: 300 });
  const first = await send(two, options);
  t.is(first.status, 202);
  const ended = async (): Promise<boolean> =>
    (await get(`/refreshes/${String(first.body['id'])}`))['status'] === 'succeeded';
  await eventually(ended, 'the data are stored after the answer');
  t.deepEqual(await send(two, options), first);
  t.is(metrics.value('volwatch_idempotent_requests_total', { outcome: 'replayed' }), 1);
});

test.serial('an upload that was answered with 202 and rolled back later releases its key', async (t) => {
  const { send, get, faults, refreshes, closes } = await setupUploads(t);
  const options = { headers: { 'Idempotency-Key': 'a', Prefer: '' } };
  faults.set('refresh.commit', { mode: 'error', count: 1, probability: 1, delay_ms: 0 });
  const first = await send(two, options);
  t.is(first.status, 202);
  await refreshes.idle();
  t.is((await get(`/refreshes/${String(first.body['id'])}`))['status'], 'rolled_back');
  t.deepEqual(await closes(), []);
  const again = await send(two, options);
  t.is(again.status, 202);
  t.not(again.body['id'], first.body['id']);
  await refreshes.idle();
  t.is((await closes()).length, 4);
  t.deepEqual(await send(two, options), again, 'the key now stands for the data that were stored');
});

test.serial('the answer is committed with the data, for a process that dies right after', async (t) => {
  const gate = Promise.withResolvers<void>();
  const { send, admin, closes } = await setupUploads(t, {}, { committed: () => gate.promise });
  const running = send(two, keyed('a'));
  const keys = () => admin.query('select reply::json as reply from idempotency_key where finished_at is null');
  await eventually(async () => (await closes()).length === 4, 'the data are committed');
  const [key] = await keys();
  t.like(key?.['reply'], { status: 202, body: { status: 'running', universe: 'desk' } });
  gate.resolve();
  t.is((await running).status, 200);
  t.deepEqual(await keys(), []);
});

const splits = 'symbol,date,close,split_factor\n';
for (const [reason, refused, query] of [
  ['a refused row', `${header}CCC,2024-01-02,1\n`, ''],
  ['no rows', header, ''],
  ['splits that are part of the prices', `${splits}AAA,2024-01-02,25,\nAAA,2024-01-03,25,4\n`, ''],
  [
    'a price that is too small as it was traded',
    `${splits}AAA,2024-01-02,1e-100,\nAAA,2024-01-03,1,0.25\n`,
    '?adjusted=true',
  ],
] as const) {
  test.serial(
    `a file that is refused without Prefer gives 422, and the corrected file is stored with the same key: ${reason}`,
    async (t) => {
      const { send, refreshes, closes } = await setupUploads(t);
      const form = (text: string): FormData => {
        const data = new FormData();
        data.set('file', new File([text], 'prices.csv'));
        return data;
      };
      const options = { query, ...keyed('a', { Prefer: '' }) };
      const first = await send(form(refused), options);
      t.is(first.status, 422, JSON.stringify(first.body));
      t.is(first.body['code'], 'upload_refused');
      t.is((await send(form(two), options)).status, 202);
      await refreshes.idle();
      t.is((await closes()).length, 4);
    },
  );
}
