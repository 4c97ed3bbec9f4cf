import test, { type ExecutionContext } from 'ava';
import { Client } from 'pg';
import { createChunkStore } from '#src/pricing-jobs/chunk-store.ts';
import { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import { eventually } from '#testkit/eventually.ts';
import { outcome, owner, setup } from './setup.ts';

/** A job with one chunk of another request in the state `status`; undefined means that there is no chunk. */
const setupChunk = async (t: ExecutionContext, status?: 'storing' | 'waiting') => {
  const { admin, database, jobs, quota, pricing } = await setup(t);
  const { id } = await pricing.open({ subject: owner, owner });
  if (status) {
    await admin.query(
      `insert into pricing_chunk (job_id, number, status, digest, stored_bytes) values ($1, 1, $2, 'other', 3)`,
      [id, status],
    );
  }
  const store = createChunkStore({ unitOfWork: database.unitOfWork, jobs, quota });
  const write = (digest: string) =>
    outcome(
      store.write(
        { jobId: id, number: 1, digest, group: owner, network: undefined },
        ByteBlocks.of(Buffer.from('abc')),
      ),
    );
  const chunks = () => admin.query('select status, digest from pricing_chunk');
  return { id, admin, pricing, write, chunks };
};

for (const status of ['storing', 'waiting'] as const) {
  test(`a chunk whose reservation was lost is neither stored as rows of another request nor releases them (${status})`, async (t) => {
    const { write, chunks } = await setupChunk(t, status);
    t.is(await write('own'), 'precondition_failed');
    t.deepEqual(await chunks(), [{ status, digest: 'other' }]);
  });
}

test('a chunk whose reservation was released by a failed write of the same rows can be sent again', async (t) => {
  const { id, pricing, write } = await setupChunk(t);
  t.is(await write('own'), 'concurrency_limit_exceeded');
  await pricing.submit(owner, id);
  t.is(await write('own'), 'precondition_failed');
});

test('the same rows that another request has stored are stored once', async (t) => {
  const { write, chunks } = await setupChunk(t, 'waiting');
  t.is(await write('other'), 'none');
  t.deepEqual(await chunks(), [{ status: 'waiting', digest: 'other' }]);
});

test('a job whose chunk is being written is submitted after it, and waits without a connection', async (t) => {
  const { pricing, hooks, database, metrics, admin } = await setup(t);
  const { id } = await pricing.open({ subject: owner, owner });
  const writing = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  t.teardown(end.resolve);
  hooks.onEnqueue = async () => {
    writing.resolve();
    await end.promise;
  };
  const added = pricing.add(owner, id, 1, Buffer.from('abc'));
  await writing.promise;
  const changes = Array.from({ length: 30 }, () => pricing.submit(owner, id));
  const locked = `select count(*)::int as count from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
  const used: number[] = [];
  for (let sample = 0; sample < 20; sample += 1) {
    t.deepEqual(await admin.query(locked), [{ count: 0 }]);
    database.collect();
    used.push(metrics.value('db_client_connection_count', { pool: 'primary', state: 'used' }));
  }
  t.true(Math.max(...used) <= 2, `the write and at most one change have a connection: ${used.join(' ')}`);
  end.resolve();
  await Promise.all([added, ...changes]);
  t.is((await pricing.find(owner, id)).status, 'running');
});

test('a job is not submitted while one of its chunks is locked for five seconds, and is cancelled at once', async (t) => {
  const { id, pricing, admin, chunks } = await setupChunk(t, 'storing');
  const writer = new Client({ connectionString: admin.url });
  await writer.connect();
  t.teardown(() => writer.end());
  await writer.query('begin; select from pricing_chunk for update');
  t.is(await outcome(pricing.submit(owner, id)), 'database_conflict');
  t.is((await pricing.find(owner, id)).status, 'open');
  t.is((await chunks()).length, 1);
  await pricing.cancel(owner, id);
  t.is((await pricing.find(owner, id)).status, 'cancelled');
  await writer.query('rollback');
});

test('a chunk of a job that is cancelled before its bytes are written is refused', async (t) => {
  const { id, admin, pricing, write } = await setupChunk(t, 'storing');
  await pricing.cancel(owner, id);
  t.is(await write('other'), 'precondition_failed');
  t.deepEqual(await admin.query('select input from pricing_chunk where input is not null'), []);
});

test('a chunk that is refused is released', async (t) => {
  const { pricing } = await setup(t);
  const { id } = await pricing.open({ subject: owner, owner });
  await pricing.cancel(owner, id);
  const bytes = new ByteBlocks([Buffer.allocUnsafeSlow(1_048_576)]);
  t.is(await outcome(pricing.add(owner, id, 1, bytes)), 'precondition_failed');
  await eventually(
    () => bytes.blocks[0]!.byteLength === 0,
    () => 'the bytes are released',
  );
});
