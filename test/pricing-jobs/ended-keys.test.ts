import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { removeJobsOfEndedKeys } from '#src/pricing-jobs/ended-keys.ts';
import { endApiKey, storeApiKeys } from '#testkit/accounts/api-keys.ts';
import { outcome, reversed, setup, reading } from './setup.ts';

const ended = { subject: 'api_key:00000000-0000-7000-8000-00000000000a', owner: 'user:1' };
const kept = { subject: 'api_key:00000000-0000-7000-8000-00000000000b', owner: 'user:1' };
const idOf = ({ subject }: typeof ended): string => subject.slice('api_key:'.length);

test('jobs of an ended key do not use the quota of their owner, and those of other keys stay', async (t) => {
  const { pricing, work, admin, refusals, removeCancelled } = await setup(t, reversed, undefined, {
    maxBytesPerOwner: 10,
    maxJobsPerOwner: 2,
  });
  await storeApiKeys(admin, idOf(ended), idOf(kept));
  const [old, young] = [await pricing.open(ended), await pricing.open(kept)];
  await pricing.add(ended.subject, old.id, 1, Buffer.alloc(8, 'a'));
  await pricing.add(kept.subject, young.id, 1, Buffer.alloc(2, 'b'));
  await work();
  t.is(await outcome(pricing.add(kept.subject, young.id, 2, Buffer.alloc(5, 'c'))), 'quota_exceeded');
  t.is(await outcome(pricing.open(kept)), 'quota_exceeded');
  t.is(refusals.kinds.length, 2);

  await endApiKey(admin, idOf(ended));
  await pricing.add(kept.subject, young.id, 2, Buffer.alloc(5, 'c'));
  t.deepEqual(await admin.query('select id, status from pricing_job order by created_at'), [
    { id: old.id, status: 'cancelled' },
    { id: young.id, status: 'open' },
  ]);
  t.is(await removeCancelled(), 1);
  t.deepEqual(await admin.query('select distinct job_id from pricing_chunk'), [{ job_id: young.id }]);
  t.is(String((await (await pricing.result(kept.subject, young.id, 1)).read(reading)).joined()), 'bb');
  await pricing.open(kept);
});

test('a key that has ended frees the number of jobs too', async (t) => {
  const { pricing, admin } = await setup(t, reversed, undefined, { maxJobsPerOwner: 1 });
  await storeApiKeys(admin, idOf(ended), idOf(kept));
  await pricing.open(ended);
  t.is(await outcome(pricing.open(kept)), 'quota_exceeded');
  await endApiKey(admin, idOf(ended));
  const { id } = await pricing.open(kept);
  t.deepEqual(await admin.query('select id from pricing_job'), [{ id }]);
});

test('retention removes the jobs of ended keys of all owners, and nothing else', async (t) => {
  const { pricing, database, admin } = await setup(t);
  const other = { subject: 'api_key:00000000-0000-7000-8000-00000000000c', owner: 'client:2' };
  for (const caller of [ended, other, kept, { subject: 'user:1', owner: 'user:1' }]) await pricing.open(caller);
  await storeApiKeys(admin, idOf(ended), idOf(kept));
  await endApiKey(admin, idOf(ended));
  t.is(await removeJobsOfEndedKeys((work) => database.unitOfWork.run({ operation: 'retention' }, work)), 2);
  const left = await admin.query('select subject from pricing_job order by 1');
  t.deepEqual(
    left.map(({ subject }) => subject),
    [kept.subject, 'user:1'],
  );
});

test('the work on a chunk ends when its caller ends meanwhile, and the chunk keeps no bytes', async (t) => {
  let mayAct = true;
  const started = Promise.withResolvers<void>();
  const slow = async (_bytes: unknown, signal: AbortSignal): Promise<never> => {
    started.resolve();
    await sleep(60_000, undefined, { signal }).catch(() => {});
    throw new AppError('shutting_down');
  };
  const { pricing, work, admin } = await setup(t, slow, async () => mayAct);
  const { id } = await pricing.open(ended);
  await pricing.add(ended.subject, id, 1, Buffer.from('abc'));
  const working = work();
  await started.promise;
  mayAct = false;
  await working;
  t.deepEqual(await admin.query('select status, reason, input, stored_bytes from pricing_chunk'), [
    { status: 'failed', reason: 'credential_owner_gone', input: null, stored_bytes: 0 },
  ]);
});
