import { randomBytes } from 'node:crypto';
import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { takeOwnerTurn } from '#src/kernel/lists/owner-turn.ts';
import type { PricingJobsDeps } from '#src/pricing-jobs/pricing-jobs.ts';
import { eventually } from '#testkit/eventually.ts';
import { live, outcome, owner, reversed, setup, reading } from './setup.ts';

const large = { maxRowsPerOwner: 10_000_000, maxBytesPerOwner: 10_000_000, maxBytes: 10_000_000 };
const permitted = async (): Promise<boolean> => true;

test('while the bytes of a chunk are written, the owner opens jobs and adds other chunks', async (t) => {
  const { pricing, hooks, queued } = await setup(t);
  const { id } = await pricing.open({ subject: owner, owner });
  const [writing, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  hooks.onEnqueue = () => {
    writing.resolve();
    return gate.promise;
  };
  const first = pricing.add(owner, id, 1, Buffer.from('abc'));
  await writing.promise;
  hooks.onEnqueue = async () => {};

  const { id: other } = await pricing.open({ subject: owner, owner });
  await pricing.add(owner, id, 2, Buffer.from('def'));
  await pricing.add(owner, other, 1, Buffer.from('ghi'));
  t.is(await outcome(pricing.add(owner, id, 1, Buffer.from('abc'))), 'concurrency_limit_exceeded');
  t.like((await pricing.find(owner, id)).chunks, { total: 1 }, 'a chunk counts when it is stored');
  t.is(queued.length, 2);

  gate.resolve();
  t.is((await first).chunks.total, 2);
});

test('a chunk that could not be written leaves nothing behind, and one that was interrupted is written by a repetition', async (t) => {
  const { pricing, hooks, admin, work } = await setup(t, reversed, permitted, { maxBytesPerOwner: 4 });
  const { id } = await pricing.open({ subject: owner, owner });
  hooks.onEnqueue = () => Promise.reject(new AppError('database_unavailable'));
  t.is(await outcome(pricing.add(owner, id, 1, Buffer.from('abc'))), 'database_unavailable');
  t.deepEqual(await admin.query('select 1 from pricing_chunk'), []);

  hooks.onEnqueue = async () => {};
  await pricing.add(owner, id, 1, Buffer.from('abc'));
  // As after the end of the process between reservation and write.
  await admin.query(`update pricing_chunk set status = 'storing', input = null`);
  t.is(await outcome(pricing.add(owner, id, 2, Buffer.from('de'))), 'quota_exceeded', 'reserved bytes count');
  await pricing.add(owner, id, 1, Buffer.from('abc'));
  await work();
  t.is(String((await (await pricing.result(owner, id, 1)).read(reading)).joined()), 'cba');
});

test('a submitted job does not wait for a chunk whose bytes never arrived', async (t) => {
  const { pricing, admin, work } = await setup(t);
  const { id } = await pricing.open({ subject: owner, owner });
  await pricing.add(owner, id, 1, Buffer.from('abc'));
  await pricing.add(owner, id, 2, Buffer.from('def'));
  await admin.query(`update pricing_chunk set status = 'storing', input = null where number = 2`);
  await pricing.submit(owner, id);
  await work();
  t.like(await pricing.find(owner, id), { status: 'completed', chunks: { total: 1, done: 1, failed: 0 } });
});

test('chunks are grouped by owner, also those of his API keys, and by the network of their request', async (t) => {
  const { pricing, groups, networks } = await setup(t);
  for (const subject of ['user:1', 'api_key:a']) {
    const { id } = await pricing.open({ subject, owner: 'user:1' });
    await pricing.add(subject, id, 1, Buffer.from('abc'));
  }
  t.deepEqual(groups, ['user:1', 'user:1']);
  t.deepEqual(networks, ['network', 'network']);
});

test('a chunk that is cancelled while it is priced is not priced to the end, and not tried again', async (t) => {
  const began = Promise.withResolvers<void>();
  const untilAborted: PricingJobsDeps['price'] = (_bytes, signal) => {
    began.resolve();
    return new Promise((_resolve, reject) =>
      signal.addEventListener('abort', () => reject(new AppError('overloaded')), { once: true }),
    );
  };
  const { pricing, queued, admin } = await setup(t, untilAborted);
  const { id } = await pricing.open({ subject: owner, owner });
  await pricing.add(owner, id, 1, Buffer.from('abc'));
  const handled = pricing.handle(queued[0]!, live, { last: false });
  await began.promise;
  await pricing.cancel(owner, id);
  await handled;
  t.deepEqual(await admin.query('select status, output from pricing_chunk'), [{ status: 'waiting', output: null }]);
});

test('a large chunk is put back while the process prices its max of large ones, and a small one is priced', async (t) => {
  const mayEnd = Promise.withResolvers<void>();
  const price: PricingJobsDeps['price'] = async (bytes, ...rest) => {
    if (bytes.byteLength > 1_048_576) await mayEnd.promise;
    return reversed(bytes, ...rest);
  };
  const { pricing, queued } = await setup(t, price, permitted, large);
  const { id } = await pricing.open({ subject: owner, owner });
  const sizes = [1_048_577, 1_048_577, 1_048_576];
  for (const [index, size] of sizes.entries()) await pricing.add(owner, id, index + 1, Buffer.alloc(size));
  const handle = (chunk: number) => pricing.handle(queued[chunk]!, live, { last: false });
  const first = handle(0);
  await eventually(async () => (await handle(1)) !== undefined, 'the second one is put back');
  t.deepEqual(await handle(1), { putBackSeconds: 1, rests: true });
  t.is(await handle(2), undefined);
  mayEnd.resolve();
  t.is(await first, undefined);
  t.is(await handle(1), undefined);
});

test('values of several parts come back as they were stored', async (t) => {
  const { pricing, work } = await setup(t, reversed, permitted, large);
  const { id } = await pricing.open({ subject: owner, owner });
  const bytes = Buffer.concat([Buffer.from('a'), randomBytes(1_300_000)]);
  await pricing.add(owner, id, 1, bytes);
  await work();
  t.deepEqual(
    Buffer.concat((await (await pricing.result(owner, id, 1)).read(reading)).blocks),
    Buffer.from(bytes).reverse(),
  );
});

test('bytes that are no Arrow stream are refused before anything is stored', async (t) => {
  const { pricing, admin } = await setup(t);
  const { id } = await pricing.open({ subject: owner, owner });
  t.is(await outcome(pricing.add(owner, id, 1, Buffer.from([0xff, 1, 2]))), 'malformed_body');
  t.deepEqual(await admin.query('select 1 from pricing_chunk'), []);
});

test('the result of a chunk that takes too long says what to do', async (t) => {
  const { pricing, work } = await setup(t, () => Promise.reject(new AppError('pricing_work_too_large')));
  const { id } = await pricing.open({ subject: owner, owner });
  await pricing.add(owner, id, 1, Buffer.from('abc'));
  await work();
  const error = await t.throwsAsync<AppError>(pricing.result(owner, id, 1));
  t.is(error.code, 'pricing_work_too_large');
  t.regex(error.message, /send smaller chunks/);
});

test('a turn that another transaction holds is waited for a second at most, and its limit stays with it', async (t) => {
  const { database } = await setup(t);
  const { unitOfWork } = database;
  const operation = 'pricing_job.change';
  const [held, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const holder = unitOfWork.run({ operation }, async ({ query }) => {
    await takeOwnerTurn(query, 'name');
    held.resolve();
    await gate.promise;
    return query<{ lock_timeout: string }>('show lock_timeout');
  });
  await held.promise;
  const second = unitOfWork.run({ operation }, ({ query }) => takeOwnerTurn(query, 'name'));
  const error = await t.throwsAsync<AppError>(second);
  t.is(error.code, 'concurrency_limit_exceeded');
  t.is(error.retryAfter, 1);
  gate.resolve();
  t.deepEqual(await holder, [{ lock_timeout: '0' }]);
});
