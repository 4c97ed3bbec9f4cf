import { randomBytes } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { endApiKey, storeApiKeys } from '#testkit/accounts/api-keys.ts';
import { outcome, reversed, setup, reading } from './setup.ts';

const idOfKey = '00000000-0000-7000-8000-00000000000a';
const ended = { subject: `api_key:${idOfKey}`, owner: 'user:1' };
const own = { subject: 'user:1', owner: 'user:1' };

/** Counts the removed rows of chunks, also those that a foreign key removes. */
const countRemovals = async (admin: Awaited<ReturnType<typeof setup>>['admin']) => {
  await admin.query('create table removed_chunk (bytes int, in_transaction xid8 default pg_current_xact_id())');
  await admin.query(
    `create function note_removal() returns trigger language plpgsql as $$ begin
       insert into removed_chunk (bytes) values (octet_length(coalesce(old.input, old.output))); return null; end $$`,
  );
  await admin.query(
    'create trigger note_removal after delete on pricing_chunk for each row execute function note_removal()',
  );
  return () => admin.query('select count(*)::int as rows from removed_chunk');
};

const setupData = async (t: ExecutionContext, limits: Parameters<typeof setup>[3] = {}) => {
  const room = await setup(t, reversed, undefined, { maxJobsPerOwner: 4, maxBytesPerOwner: 10, ...limits });
  await storeApiKeys(room.admin, idOfKey);
  return { ...room, removals: await countRemovals(room.admin) };
};

const fill = async ({ pricing, work }: Awaited<ReturnType<typeof setupData>>, caller = own): Promise<string> => {
  const { id } = await pricing.open(caller);
  await pricing.add(caller.subject, id, 1, Buffer.alloc(5, 'a'));
  await pricing.add(caller.subject, id, 2, Buffer.alloc(5, 'b'));
  await work();
  return id;
};

test('no request removes stored data, whether a job is cancelled, a quota is reached or a key has ended', async (t) => {
  const room = await setupData(t);
  const { pricing, admin, removals, work, removeCancelled } = room;
  await fill(room, ended);
  await endApiKey(admin, idOfKey);
  const second = await fill(room);
  await pricing.cancel(own.subject, second);
  await fill(room);
  await pricing.open(own);
  t.is(await outcome(pricing.open(own)), 'none');
  await work();
  t.deepEqual(await removals(), [{ rows: 0 }]);
  t.is(await removeCancelled(), 4);
  t.deepEqual(await removals(), [{ rows: 4 }]);
  t.is(await removeCancelled(), 0);
});

test('a refusal after jobs of ended keys were cancelled takes nothing large back', async (t) => {
  const room = await setupData(t, { maxWrittenBytesPerOwner: 20 });
  await fill(room, ended);
  await endApiKey(room.admin, idOfKey);
  const { id } = await room.pricing.open(own);
  t.is(await outcome(room.pricing.add(own.subject, id, 1, Buffer.alloc(5, 'a'))), 'quota_exceeded');
  t.deepEqual(await room.removals(), [{ rows: 0 }]);
});

test('nobody reads the data of a cancelled job, they use no quota of the owner, and they count for all until they are removed', async (t) => {
  const room = await setupData(t, { maxBytes: 25 });
  const { pricing, work, queued } = room;
  // Chunks of an earlier version have no network, and so no share of one.
  room.hooks.network = undefined;
  const id = await fill(room);
  const result = await pricing.result(own.subject, id, 1);
  await pricing.cancel(own.subject, id);
  t.is(await outcome(pricing.result(own.subject, id, 1)), 'resource_not_found');
  t.is(await outcome(result.read(reading)), 'resource_not_found');
  const { status, chunks, rows } = await pricing.find(own.subject, id);
  t.deepEqual(
    { status, chunks, rows },
    {
      status: 'cancelled',
      chunks: { total: 0, done: 0, failed: 0 },
      rows: { priced: 0, failed: 0 },
    },
  );
  const again = await fill(room);
  t.is((await pricing.find(own.subject, again)).chunks.done, 2);
  await pricing.cancel(own.subject, again);
  const third = await pricing.open(own);
  t.is(await outcome(pricing.add(own.subject, third.id, 1, Buffer.alloc(6))), 'quota_exceeded');
  await room.removeCancelled();
  await work();
  t.is(queued.length, 0);
});

test('a waiting chunk of a cancelled job is not priced', async (t) => {
  const { pricing, work, admin } = await setupData(t);
  const { id } = await pricing.open(own);
  await pricing.add(own.subject, id, 1, Buffer.alloc(5, 'a'));
  await pricing.cancel(own.subject, id);
  await work();
  t.deepEqual(await admin.query('select status, output from pricing_chunk'), [{ status: 'waiting', output: null }]);
});

test('the data of a job are removed in transactions of about 32 MiB, and without a chunk that is being written', async (t) => {
  const { pricing, admin, removeCancelled } = await setupData(t, { maxBytesPerOwner: 500_000_000 });
  const { id } = await pricing.open(own);
  await admin.query(
    `insert into pricing_chunk (job_id, number, status, digest, stored_bytes, output)
     select $1, number, 'done', 'digest', 15 * 1048576, $2 from generate_series(1, 10) as number`,
    [id, randomBytes(10)],
  );
  await pricing.cancel(own.subject, id);
  t.is(await removeCancelled(), 10);
  t.deepEqual(
    await admin.query('select count(*)::int as rows from removed_chunk group by in_transaction order by 1 desc'),
    [{ rows: 3 }, { rows: 3 }, { rows: 3 }, { rows: 1 }],
  );
});
