import test, { type ExecutionContext } from 'ava';
import type { JobData } from '#src/kernel/ports/jobs.ts';
import { calculatesAfter, createCalculateIndexes } from '#src/market-data/shared/shared-indexes.ts';
import { base, type Item } from '../setup-http.ts';
import { setupUniverses } from './setup.ts';

const universe = (code?: string): Item => ({
  title: 'x',
  source: 'upload',
  interval: '1day',
  assets: [{ symbol: 'SHX' }, ...(code === 'IX1' ? [{ symbol: 'OWN' }] : [])],
  indexes: code ? [{ code, name: code, method: 'rebased', constituents: [{ symbol: 'SHX' }] }] : [],
});

/** Universes `one` and `two` with an index of the same symbol, `none` with the symbol alone. `one` has another symbol too. */
const setupShared = async (t: ExecutionContext) => {
  const enqueued: { readonly key: string; readonly data: JobData }[] = [];
  const http = await setupUniverses(t, {
    jobs: {
      // The test database has no queues, so a row of the transaction shows whether it was committed.
      enqueue: async ({ query }, queue, { key, data }) => {
        t.is(queue, 'refresh');
        await query('insert into enqueued values ($1)', [key]);
        return enqueued.push({ key, data }) > 0;
      },
    },
  });
  await http.admin.query('create table enqueued (key text primary key)');
  for (const [name, definition] of Object.entries({
    one: universe('IX1'),
    two: universe('IX2'),
    none: universe(),
  })) {
    const put = await http.put(name, definition);
    t.is(put.status, 201, await put.text());
  }
  const upload = async (name: string, closes: readonly number[], symbol = 'SHX'): Promise<number> => {
    const body = ['symbol,date,close', ...closes.map((close, day) => `${symbol},2024-01-0${day + 1},${close}`)].join(
      '\n',
    );
    const headers = { 'Content-Type': 'text/csv', Prefer: 'wait=20' };
    const path = `${base}/universes/${name}/prices?mode=replace`;
    return (await http.call(path, { method: 'POST', headers, body })).status;
  };
  const values = async (code: string): Promise<unknown[]> =>
    (await http.get<{ data: Item[] }>(`/indexes/${code}/values`)).data.map(({ value }) => value);
  return { ...http, enqueued, upload, values, calculate: createCalculateIndexes(http.deps) };
};

test('a change of a shared symbol enqueues the indexes of the other universes, in the transaction of the change', async (t) => {
  const { enqueued, upload, values, calculate, get, admin } = await setupShared(t);
  t.is(await upload('two', [100, 110]), 200);
  t.deepEqual(
    enqueued.map(({ data }) => data['universe']),
    ['one'],
    'neither the own universe nor one without an index',
  );
  enqueued.length = 0;
  t.is(await upload('one', [100, 300]), 200);
  t.deepEqual(await values('IX2'), [1_000, 1_100], 'not calculated yet');
  const outdated = await get('/indexes/IX2/explain?date=2024-01-02', 409);
  t.is(outdated['code'], 'index_not_calculated');
  t.regex(String(outdated['detail']), /^Prices of its constituents have changed/);

  const [job] = enqueued;
  t.is(enqueued.length, 1);
  t.is(job?.data['universe'], 'two');
  const keys = await admin.query('select 1 from enqueued where key = $1', [job?.key]);
  t.is(keys.length, 1, 'committed with the prices');
  const records = await admin.query('select 1 from refresh');
  await calculate('two', calculatesAfter(job!.data));
  t.deepEqual(await values('IX2'), [1_000, 3_000]);
  t.is((await get('/indexes/IX2/explain?date=2024-01-02'))['value'], 3_000);
  t.is((await admin.query('select 1 from refresh')).length, records.length, 'a calculation is no refresh');
  t.is(enqueued.length, 1, 'a calculation starts no other one');
});

test('symbols that are not shared enqueue nothing, and each change has its own key', async (t) => {
  const { enqueued, upload } = await setupShared(t);
  await upload('one', [100, 110]);
  await upload('none', [100, 120]);
  t.deepEqual(
    enqueued.map(({ data }) => data['universe']),
    ['two', 'one', 'two'],
  );
  t.is(new Set(enqueued.map(({ key }) => key)).size, 3);
  await upload('one', [1, 2], 'OWN');
  t.is(enqueued.length, 3);
});

test('an upload that cannot enqueue the indexes of others changes nothing', async (t) => {
  const { admin, upload, values } = await setupShared(t);
  await upload('one', [100, 110]);
  await admin.query('drop table enqueued');
  t.not(await upload('one', [100, 300]), 200);
  t.deepEqual(await values('IX1'), [1_000, 1_100]);
});

test('the indexes are not calculated while a refresh of their universe runs, or after its end', async (t) => {
  const { calculate, deps, remove } = await setupShared(t);
  await deps.lock.tryWith('refresh:two', async () => {
    await t.throwsAsync(calculate('two', 'id'), { code: 'refresh_in_progress' } as never);
  });
  t.is((await remove('two', { 'If-Match': '*' })).status, 204);
  await t.throwsAsync(calculate('two', 'id'), { code: 'validation_failed' } as never);
});
