import { randomBytes } from 'node:crypto';
import test from 'ava';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import { balances, setup, setupBehindProxy } from '../setup.ts';

const operation = 'pricing_job.change';
const blocksOf = (...lengths: readonly number[]): ByteBlocks =>
  new ByteBlocks(lengths.map((length) => randomBytes(length)));
const insert = 'insert into stored (id, name, bytes) values ($1, $2, $3)';
const table = 'create table stored (id int primary key, name text not null, bytes bytea not null)';

test('bytes in blocks are stored as one value, beside other parameters', async (t) => {
  const { database, admin } = await setup(t);
  await admin.query(table);
  const sent = [blocksOf(3), blocksOf(), blocksOf(1, 1_048_576, 1_048_576, 300_000)];
  await database.unitOfWork.run({ operation }, async ({ query }) => {
    for (const [id, bytes] of sent.entries()) await query(insert, [id, 'größe', bytes]);
    t.deepEqual(await query('select count(*)::int as count from stored'), [{ count: sent.length }]);
  });
  const rows = await admin.query('select name, bytes from stored order by id');
  t.deepEqual(
    rows.map((row) => row['bytes']),
    sent.map(({ blocks }) => Buffer.concat(blocks)),
  );
  t.true(rows.every((row) => row['name'] === 'größe'));
});

test('an error of the server is thrown, and the connection can be used again', async (t) => {
  const { database, admin } = await setup(t, { poolMax: 1, statementTimeoutMs: 30_000, acquireTimeoutMs: 30_000 });
  await admin.query(table);
  const pids = new Set<unknown>();
  const store = (statement: string, parameters: readonly unknown[]): Promise<unknown> =>
    database.unitOfWork.run({ operation }, async ({ query }) => {
      pids.add((await query('select pg_backend_pid() as pid'))[0]?.['pid']);
      return query(statement, [...parameters, blocksOf(1_048_576, 1_048_576)]);
    });
  const stateOf = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => 'stored',
      (error: { code?: unknown; cause?: { code?: unknown } }) => error.cause?.code ?? error.code,
    );
  await store(insert, [1, 'a']);
  t.is(await stateOf(store(insert, [1, 'a'])), '23505', 'found when the statement runs');
  t.is(
    await stateOf(store('insert into missing (id, bytes) values ($1, $2)', [1])),
    '42P01',
    'found before it has the bytes',
  );
  await store(insert, [2, 'a']);
  t.is(pids.size, 1);
  t.deepEqual(await admin.query('select id from stored order by id'), [{ id: 1 }, { id: 2 }]);
  await t.throwsAsync(store(insert, [null, 'a']), { message: /text or a number/ });
});

test('a connection that breaks while bytes are sent is an error, and the next statement has another connection', async (t) => {
  const { database, admin, proxy } = await setupBehindProxy(t, { poolMax: 1 });
  await admin.query(table);
  const outcome = await database.unitOfWork
    .run({ operation }, async ({ query }) => {
      const storing = query(insert, [1, 'a', blocksOf(...Array.from({ length: 16 }, () => 1_048_576))]);
      proxy.cut();
      return storing;
    })
    .then(() => 'stored', codeOf);
  t.is(outcome, 'database_unavailable');
  proxy.restore();
  t.deepEqual(await admin.query('select id from stored'), []);
  t.is((await balances(admin)).length, 2);
  t.deepEqual(await database.reader.query('select 1 as one'), [{ one: 1 }]);
});
