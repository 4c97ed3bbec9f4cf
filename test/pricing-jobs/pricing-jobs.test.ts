import { randomUUID } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { AppError, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import type { PricingJobsDeps } from '#src/pricing-jobs/pricing-jobs.ts';
import type { PricingJobLimits } from '#src/pricing-jobs/quota/quota.ts';
import { removeOldPricingJobs } from '#src/pricing-jobs/retention.ts';
import { live, outcome, owner, reversed, setup, reading } from './setup.ts';

test('chunks are stored, priced and read in order; a submitted job is completed when all chunks are priced', async (t) => {
  const { pricing, queued, work, admin } = await setup(t);
  const { id, status } = await pricing.open({ subject: owner, owner });
  t.is(status, 'open');
  await pricing.add(owner, id, 2, Buffer.from('def'));
  await pricing.add(owner, id, 1, Buffer.from('abc'));
  t.is(queued.length, 2);
  t.is(await outcome(pricing.result(owner, id, 1)), 'resource_not_found');

  // The same chunk again changes nothing, another of its number is refused.
  await pricing.add(owner, id, 1, Buffer.from('abc'));
  t.is(queued.length, 2);
  t.is(await outcome(pricing.add(owner, id, 1, Buffer.from('xyz'))), 'precondition_failed');

  await work();
  t.like(await pricing.find(owner, id), {
    status: 'open',
    chunks: { total: 2, done: 2, failed: 0 },
    rows: { priced: 6, failed: 2 },
  });
  t.is((await pricing.submit(owner, id)).status, 'completed');
  t.is(await outcome(pricing.add(owner, id, 3, Buffer.from('ghi'))), 'precondition_failed');
  t.is(String((await (await pricing.result(owner, id, 1)).read(reading)).joined()), 'cba');
  t.is(String((await (await pricing.result(owner, id, 2)).read(reading)).joined()), 'fed');
  t.deepEqual(await admin.query('select count(input)::int as inputs from pricing_chunk'), [{ inputs: 0 }]);
});

test('only its owner can access a job, and a cancelled job is not priced', async (t) => {
  const { pricing, work, admin, removeCancelled } = await setup(t, () => Promise.reject(new Error('not to be called')));
  const { id } = await pricing.open({ subject: owner, owner });
  await pricing.add(owner, id, 1, Buffer.from('abc'));
  const stranger = 'client:other';
  for (const attempt of [
    pricing.find(stranger, id),
    pricing.add(stranger, id, 2, Buffer.from('a')),
    pricing.submit(stranger, id),
    pricing.result(stranger, id, 1),
    pricing.cancel(stranger, id),
    pricing.find(owner, randomUUID()),
  ]) {
    t.is(await outcome(attempt), 'resource_not_found');
  }
  await pricing.cancel(owner, id);
  await work();
  t.is((await pricing.find(owner, id)).status, 'cancelled');
  t.is(await removeCancelled(), 1);
  t.deepEqual(await admin.query('select 1 from pricing_chunk'), []);
});

test('a chunk has the code of a permanent error; a temporary error is retried until the last attempt', async (t) => {
  let error = new AppError('malformed_body');
  const { pricing, work, queued } = await setup(t, () => Promise.reject(error));
  const { id } = await pricing.open({ subject: owner, owner });
  await pricing.add(owner, id, 1, Buffer.from('abc'));
  await work();
  t.like((await pricing.find(owner, id)).chunks, { total: 1, done: 0, failed: 1 });
  t.is(await outcome(pricing.result(owner, id, 1)), 'malformed_body');

  error = new AppError('database_unavailable');
  await pricing.add(owner, id, 2, Buffer.from('def'));
  const [again] = queued;
  t.is(await outcome(work()), 'database_unavailable');
  t.like((await pricing.find(owner, id)).chunks, { failed: 1 });
  queued.push(again!);
  t.is(await outcome(work(true)), 'database_unavailable');
  t.like((await pricing.find(owner, id)).chunks, { failed: 2 });
});

test('a chunk that finds no room is put back, also in its last attempt, and is not read while its owner pauses', async (t) => {
  let now = 0;
  const codes: ErrorCode[] = ['rate_limit_exceeded', 'overloaded', 'overloaded'];
  let tried = 0;
  const price: PricingJobsDeps['price'] = async (bytes, signal, job) => {
    tried += 1;
    const code = codes.shift();
    if (code) throw new AppError(code);
    return reversed(bytes, signal, job);
  };
  const { pricing, queued, metrics } = await setup(t, price, undefined, {}, { ...systemClock, monotonic: () => now });
  const { id } = await pricing.open({ subject: owner, owner });
  for (const [number, text] of ['abc', 'def'].entries()) await pricing.add(owner, id, number + 1, Buffer.from(text));
  const [first, second] = queued;
  const attempt = async (data = first!): Promise<number> =>
    (await pricing.handle(data, live, { last: true }))?.putBackSeconds ?? 0;

  for (const longest of [2, 4, 8]) {
    const pause = await attempt();
    t.true(pause >= longest / 2 && pause <= longest, `${pause} s`);
    const before = tried;
    now += 1_000 * pause - 500;
    t.true(Math.abs((await attempt(second)) - 0.5) < 1e-6, 'other chunks of the owner wait as long');
    t.is(tried, before);
    now += 500;
  }
  t.is(metrics.value('volwatch_pricing_chunk_duration_seconds', { outcome: 'no_room' }), 6);
  t.like(await pricing.find(owner, id), { chunks: { total: 2, done: 0, failed: 0 } });
  t.is(await attempt(), 0);
  t.is(await attempt(second), 0);
  t.like(await pricing.find(owner, id), { chunks: { total: 2, done: 2 } });
});

test('a cancelled job takes its waiting chunks out of the queue', async (t) => {
  const { pricing, removed } = await setup(t);
  const { id } = await pricing.open({ subject: owner, owner });
  for (const number of [1, 2]) await pricing.add(owner, id, number, Buffer.from(`abc${number}`));
  await pricing.cancel(owner, id);
  t.deepEqual(removed.toSorted(), [`${id}/1`, `${id}/2`]);
});

test('jobs are removed after their retention time, with all stored data', async (t) => {
  const { pricing, admin, database } = await setup(t);
  const [old, young] = [await pricing.open({ subject: owner, owner }), await pricing.open({ subject: owner, owner })];
  await pricing.add(owner, old.id, 1, Buffer.from('abc'));
  await admin.query(`update pricing_job set created_at = now() - interval '25 hours' where id = $1`, [old.id]);
  t.is(await database.unitOfWork.run({ operation: 'retention' }, (run) => removeOldPricingJobs(run, 24)), 1);
  t.deepEqual(await admin.query('select id from pricing_job'), [{ id: young.id }]);
  t.deepEqual(await admin.query('select 1 from pricing_chunk'), []);
});

test('chunks of a deleted owner are not priced', async (t) => {
  let priced = 0;
  const counting: PricingJobsDeps['price'] = (bytes, signal, caller) => {
    priced += 1;
    return reversed(bytes, signal, caller);
  };
  const { pricing, work } = await setup(t, counting, async () => false);
  const { id } = await pricing.open({ subject: owner, owner });
  await pricing.add(owner, id, 1, Buffer.from('abc'));
  await work();
  t.is(priced, 0);
  t.is(await outcome(pricing.result(owner, id, 1)), 'credential_owner_gone');
  t.deepEqual((await pricing.find(owner, id)).chunks, { total: 1, done: 0, failed: 1 });
});

const limited = (t: ExecutionContext, limits: Partial<PricingJobLimits>, price = reversed) =>
  setup(t, price, async () => true, limits);

test('the quota of bytes counts all keys and jobs of an owner; a cancelled job releases its bytes', async (t) => {
  const { pricing, work, admin, refusals } = await limited(t, { maxBytesPerOwner: 10 });
  const [first, second] = ['api_key:a', 'api_key:b'].map((subject) => ({ subject, owner: 'user:1' }));
  const one = await pricing.open(first!);
  const two = await pricing.open(second!);
  await pricing.add(first!.subject, one.id, 1, Buffer.alloc(6, 'a'));
  t.is(await outcome(pricing.add(second!.subject, two.id, 1, Buffer.alloc(5, 'b'))), 'quota_exceeded');
  t.deepEqual(refusals.kinds, ['storage_quota']);
  t.is((await admin.query('select 1 from pricing_chunk')).length, 1);
  await pricing.add(second!.subject, two.id, 1, Buffer.alloc(4, 'b'));
  await work();
  t.is(await outcome(pricing.add(first!.subject, one.id, 2, Buffer.alloc(1))), 'quota_exceeded', 'results count too');
  await pricing.add(first!.subject, one.id, 1, Buffer.alloc(6, 'a'));
  await pricing.cancel(second!.subject, two.id);
  await pricing.add(first!.subject, one.id, 2, Buffer.alloc(4));

  const other = { subject: 'user:2', owner: 'user:2' };
  const { id } = await pricing.open(other);
  await pricing.add(other.subject, id, 1, Buffer.alloc(10));
});

test('chunks that are added at the same time cannot exceed the quota together', async (t) => {
  const { pricing, admin } = await limited(t, { maxBytesPerOwner: 10 });
  const jobs = await Promise.all(Array.from({ length: 4 }, () => pricing.open({ subject: owner, owner })));
  const outcomes = await Promise.all(jobs.map(({ id }) => outcome(pricing.add(owner, id, 1, Buffer.alloc(4)))));
  t.is(outcomes.filter((each) => each === 'none').length, 2, outcomes.join(' '));
  t.deepEqual(await admin.query('select sum(octet_length(input))::int as bytes from pricing_chunk'), [{ bytes: 8 }]);
});

test('there are also quotas for the bytes of all owners, and for the jobs and priced rows of one', async (t) => {
  const { pricing, work, hooks, removeCancelled } = await limited(t, {
    maxBytes: 12,
    maxJobsPerOwner: 2,
    maxRowsPerOwner: 8,
  });
  // Chunks of an earlier version have no network, and so no share of one.
  hooks.network = undefined;
  const { id } = await pricing.open({ subject: owner, owner });
  await pricing.add(owner, id, 1, Buffer.alloc(8));
  const other = { subject: 'user:2', owner: 'user:2' };
  const others = await pricing.open(other);
  const error = await t.throwsAsync<AppError>(pricing.add(other.subject, others.id, 1, Buffer.alloc(5)));
  t.is(error.errors?.[0]?.code, 'pricing_job_bytes_of_all_callers');
  t.regex(error.message, /is 12 bytes; this request needs 13\. Other callers use the rest/);
  await work();
  const rows = await t.throwsAsync<AppError>(pricing.add(owner, id, 2, Buffer.alloc(1)));
  t.is(rows.errors?.[0]?.code, 'pricing_job_rows');
  await pricing.open({ subject: owner, owner });
  const jobs = await t.throwsAsync<AppError>(pricing.open({ subject: owner, owner }));
  t.is(jobs.errors?.[0]?.code, 'pricing_jobs');
  await pricing.cancel(owner, id);
  const next = await pricing.open({ subject: owner, owner });
  t.is((await pricing.find(owner, next.id)).status, 'open', 'a cancelled job gives its place to a new one');
  await pricing.cancel(owner, next.id);
  await removeCancelled();
  await pricing.open({ subject: owner, owner });
  t.is(await outcome(pricing.find(owner, id)), 'resource_not_found');
});

test('a small chunk counts as a larger one, so that the quota limits the number of chunks', async (t) => {
  const { pricing, work } = await limited(t, { maxBytesPerOwner: 100, minChunkBytes: 40 });
  const { id } = await pricing.open({ subject: owner, owner });
  await pricing.add(owner, id, 1, Buffer.alloc(1));
  await pricing.add(owner, id, 2, Buffer.alloc(2));
  t.is(await outcome(pricing.add(owner, id, 3, Buffer.alloc(1))), 'quota_exceeded');
  await work();
  t.is((await pricing.find(owner, id)).chunks.done, 2, 'results below the min size add nothing');
});

test('a result that is larger than its input and beyond the quota fails its chunk, which is not priced again', async (t) => {
  let priced = 0;
  const growing: PricingJobsDeps['price'] = async () => {
    priced += 1;
    return { bytes: ByteBlocks.of(Buffer.alloc(50)), rows: 1, failed: 0 };
  };
  const { pricing, work, admin } = await limited(t, { maxBytesPerOwner: 20 }, growing);
  const { id } = await pricing.open({ subject: owner, owner });
  await pricing.add(owner, id, 1, Buffer.alloc(10));
  await work();
  t.is(await outcome(pricing.result(owner, id, 1)), 'quota_exceeded');
  t.like((await pricing.find(owner, id)).chunks, { total: 1, done: 0, failed: 1 });
  t.is(priced, 1);
  t.deepEqual(await admin.query('select input, output from pricing_chunk'), [{ input: null, output: null }]);
});
