import test, { type ExecutionContext } from 'ava';
import { createChunkStore } from '#src/pricing-jobs/chunk-store.ts';
import { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
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
  return { id, pricing, write, chunks };
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
