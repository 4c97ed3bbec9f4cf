import { randomUUID } from 'node:crypto';
import test from 'ava';
import { removeOldWrites } from '#src/pricing-jobs/quota/written-bytes.ts';
import { outcome, owner, reversed, setup } from './setup.ts';

const permitted = async (): Promise<boolean> => true;
const limits = { maxRowsPerOwner: 1_000_000, maxWrittenBytesPerOwner: 2_000, maxWrittenBytes: 3_000 };
const chunk = Buffer.alloc(400, 'a');

test('bytes that are stored and deleted again are limited too, for an owner and for all', async (t) => {
  const { pricing, admin, database, refusals, hooks } = await setup(t, reversed, permitted, limits);
  hooks.network = undefined;
  const storeAndCancel = async (by: string): Promise<string> => {
    const { id } = await pricing.open({ subject: by, owner: by });
    const result = await outcome(pricing.add(by, id, 1, chunk));
    await pricing.cancel(by, id);
    return result;
  };
  for (let times = 0; times < 5; times += 1) t.is(await storeAndCancel(owner), 'none');
  t.is(await storeAndCancel(owner), 'quota_exceeded');
  t.deepEqual(refusals.kinds, ['storage_quota']);
  const { id } = await pricing.open({ subject: owner, owner });
  const refused = await t.throwsAsync(pricing.add(owner, id, 1, chunk));
  t.regex(
    refused.message,
    /pricing_job_written_bytes is 2000 bytes; this request needs 2400\. .*wait up to ten minutes/,
  );

  for (const by of [`user:${randomUUID()}`, `user:${randomUUID()}`]) t.is(await storeAndCancel(by), 'none');
  const other = `user:${randomUUID()}`;
  const { id: ofOther } = await pricing.open({ subject: other, owner: other });
  const refusedForAll = await t.throwsAsync(pricing.add(other, ofOther, 1, chunk));
  t.regex(refusedForAll.message, /pricing_job_written_bytes_of_all_callers is 3000 bytes/);

  await admin.query(`update pricing_write set window_start = window_start - interval '10 minutes'`);
  t.is(await storeAndCancel(owner), 'none', 'the next window begins with nothing');
  t.deepEqual(await admin.query('select bytes::int from pricing_write order by window_start desc limit 1'), [
    { bytes: 400 },
  ]);
  const removed = await database.unitOfWork.run({ operation: 'retention' }, removeOldWrites);
  t.is(removed, 2);
  t.is((await admin.query('select 1 from pricing_write')).length, 1);
});

test('results count as written, and are not refused for it', async (t) => {
  const { pricing, admin, work, hooks } = await setup(t, reversed, permitted, limits);
  hooks.network = undefined;
  const { id } = await pricing.open({ subject: owner, owner });
  await pricing.add(owner, id, 1, chunk);
  await work();
  t.deepEqual(await admin.query('select bytes::int from pricing_write'), [{ bytes: 800 }]);
  await admin.query('update pricing_write set bytes = 2000 - 400');
  await pricing.add(owner, id, 2, Buffer.alloc(400, 'b'));
  await work();
  t.like(await pricing.find(owner, id), { chunks: { done: 2, failed: 0 } });
  t.is(await outcome(pricing.add(owner, id, 3, Buffer.from('c'))), 'quota_exceeded');
});
