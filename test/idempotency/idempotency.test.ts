import test, { type ExecutionContext } from 'ava';
import { createDatabase } from '#src/database/database.ts';
import { idempotencyEntities } from '#src/idempotency/entities.ts';
import { createIdempotency } from '#src/idempotency/idempotency.ts';
import { createIdempotencyQuota } from '#src/idempotency/quota.ts';
import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';
import type { IdempotentRequest, StoredReply } from '#src/kernel/ports/idempotency.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { recordAbuse } from '#testkit/abuse.ts';
import { eventually } from '#testkit/eventually.ts';
import { endApiKey, storeApiKeys } from '#testkit/accounts/api-keys.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';
import { recordMetrics } from '#testkit/metrics.ts';

const metric = 'volwatch_idempotent_requests_total';
const request: IdempotentRequest = { subject: 'client:desk', owner: 'client:desk', key: 'k-1', fingerprint: 'one' };

const setup = async (t: ExecutionContext, { leaseMs = 10_000, ttlMs = 60_000, maxKeysPerOwner = 1_000 } = {}) => {
  const admin = await setupDatabase(t);
  await admin.query('create table effect (id serial primary key)');
  const metrics = recordMetrics();
  const database = await createDatabase({ ...databaseSettings(admin.url), entities: idempotencyEntities, metrics });
  t.teardown(() => database.close());
  const { unitOfWork } = database;
  const refusals = recordAbuse();
  const quota = createIdempotencyQuota({
    maxKeysPerOwner,
    abuse: refusals,
  });
  const idempotency = createIdempotency({
    unitOfWork,
    metrics,
    quota,
    assertCallerMayStore: async () => {},
    logger: silentLogger,
    clock: systemClock,
    leaseMs,
    ttlMs,
  });
  let runs = 0;
  const work = async (): Promise<StoredReply> => {
    runs += 1;
    const rows = await unitOfWork.run({ operation: 'refresh.record' }, ({ query }) =>
      query('insert into effect default values returning id'),
    );
    return { status: 201, body: { z: 1, a: rows[0]?.['id'], run: runs }, headers: { Location: `/effects/${runs}` } };
  };
  const effects = async (): Promise<number> => (await admin.query('select 1 from effect')).length;
  return { admin, refusals, metrics, unitOfWork, idempotency, work, effects };
};

type Query = (text: string) => Promise<readonly Record<string, unknown>[]>;

/**
 * Waits until each lease ends two leases later than at the call. So more than a lease has passed, and the lease was renewed
 * at least twice.
 */
const renewedForTwoLeases = async (query: Query, leaseMs: number): Promise<void> => {
  const ends = async (): Promise<number[]> =>
    (await query('select lease_until from idempotency_key order by key_hash')).map(({ lease_until: end }) =>
      (end as Date).getTime(),
    );
  const first = await ends();
  await eventually(
    async () => first.length > 0 && (await ends()).every((end, row) => end >= first[row]! + 2 * leaseMs),
    'each lease was renewed for the time of two leases',
  );
};

const refused = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error: unknown) => codeOf(error),
  );

test('100 concurrent duplicates have one effect; the others are refused or get the same answer', async (t) => {
  const { idempotency, metrics, work, effects } = await setup(t);
  const outcomes = await Promise.allSettled(Array.from({ length: 100 }, () => idempotency.run(request, work)));
  t.is(await effects(), 1);
  const answers = outcomes.filter((outcome) => outcome.status === 'fulfilled').map(({ value }) => value.reply);
  t.true(answers.length >= 1);
  for (const answer of answers) t.deepEqual(answer, answers[0]);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') t.is(codeOf(outcome.reason), 'idempotency_in_progress');
  }
  t.is(metrics.value(metric, { outcome: 'ran' }), 1);
  t.is(metrics.value(metric), 100);

  const later = await idempotency.run(request, work);
  t.true(later.replayed);
  t.is(JSON.stringify(later.reply), JSON.stringify(answers[0]), 'the very same text');
  t.is(await effects(), 1);
});

test('another body with the same key is refused; another caller has other keys', async (t) => {
  const { idempotency, work, effects } = await setup(t);
  await idempotency.run(request, work);
  t.is(await refused(idempotency.run({ ...request, fingerprint: 'two' }, work)), 'idempotency_key_reused');
  t.is(await effects(), 1);
  t.false((await idempotency.run({ ...request, subject: 'client:other', fingerprint: 'two' }, work)).replayed);
  t.is(await effects(), 2);
});

test('a failure releases the key, unless the answer was stored', async (t) => {
  const { idempotency, work, effects, unitOfWork } = await setup(t);
  const failing = async (): Promise<StoredReply> => {
    throw new AppError('external_api_timeout');
  };
  t.is(await refused(idempotency.run(request, failing)), 'external_api_timeout');
  t.false((await idempotency.run(request, work)).replayed);
  t.is(await effects(), 1);

  const reply = { status: 202, body: { id: 7 } };
  const other = { ...request, key: 'k-2' };
  const failsAfterwards = idempotency.run(other, async ({ remember }) => {
    await unitOfWork.run({ operation: 'refresh.record' }, (transaction) => remember(transaction, reply));
    throw new AppError('database_unavailable');
  });
  t.is(await refused(failsAfterwards), 'database_unavailable');
  t.deepEqual(await idempotency.run(other, work), { reply, replayed: true });
  t.is(await effects(), 1);
});

test('an effect that is committed after its request was answered keeps that answer', async (t) => {
  const { idempotency, work, effects, unitOfWork } = await setup(t);
  const given = { status: 202, body: { id: 1 } };
  let later: (() => Promise<void>) | undefined;
  const first = await idempotency.run(request, async ({ remember }) => {
    later = () =>
      unitOfWork.run({ operation: 'refresh.record' }, async (transaction) => {
        await transaction.query('insert into effect default values');
        await remember(transaction, { status: 200, body: { id: 2 } });
      });
    return given;
  });
  t.false(first.replayed);
  await later!();
  t.is(await effects(), 1);
  t.deepEqual(await idempotency.run(request, work), { reply: given, replayed: true });
});

test('an effect that goes on after its answer holds the key, which stands for the answer only with the effect', async (t) => {
  const leaseMs = 600;
  const { idempotency, work, effects, unitOfWork, admin } = await setup(t, { leaseMs });
  const reply = { status: 202, body: { id: 1 } };
  const start = async (key: string, remembers: boolean) => {
    const gate = Promise.withResolvers<void>();
    const own = { ...request, key };
    const first = await idempotency.run(own, async ({ remember, holdUntilEnd }) => {
      const effect = async (): Promise<void> => {
        await gate.promise;
        if (!remembers) throw new Error('no effect');
        await unitOfWork.run({ operation: 'refresh.record' }, async (transaction) => {
          await transaction.query('insert into effect default values');
          await remember(transaction, reply);
        });
      };
      holdUntilEnd(effect());
      return reply;
    });
    t.deepEqual(first, { reply, replayed: false });
    return { own, gate };
  };
  const stored = await start('stored', true);
  const failed = await start('failed', false);
  await renewedForTwoLeases(admin.query, leaseMs);
  for (const { own } of [stored, failed]) t.is(await refused(idempotency.run(own, work)), 'idempotency_in_progress');
  stored.gate.resolve();
  failed.gate.resolve();
  await eventually(
    async () => (await admin.query('select 1 from idempotency_key where finished_at is null')).length === 0,
    'both have ended',
  );
  t.is(await effects(), 1);
  t.deepEqual(await idempotency.run(stored.own, work), { reply, replayed: true });
  t.false((await idempotency.run(failed.own, work)).replayed);

  const dead = await start('dead', true);
  // As a killed process leaves it: nobody renews the lease, and the effect is not stored.
  await admin.query(
    `update idempotency_key set owner = gen_random_uuid(), lease_until = now() - interval '1 s' where finished_at is null`,
  );
  t.false((await idempotency.run(dead.own, work)).replayed);
  dead.gate.resolve();
});

test('an effect that goes on after an error holds the key, which is free if the effect stored nothing', async (t) => {
  const { idempotency, work, effects, unitOfWork } = await setup(t);
  const reply = { status: 202, body: { id: 1 } };
  const start = async (key: string, remembers: boolean) => {
    const gate = Promise.withResolvers<void>();
    const own = { ...request, key };
    const first = idempotency.run(own, async ({ remember, holdUntilEnd }) => {
      const effect = async (): Promise<void> => {
        await gate.promise;
        if (remembers)
          await unitOfWork.run({ operation: 'refresh.record' }, async (transaction) => {
            await transaction.query('insert into effect default values');
            await remember(transaction, reply);
          });
      };
      holdUntilEnd(effect());
      throw new AppError('external_api_timeout');
    });
    t.is(await refused(first), 'external_api_timeout');
    t.is(await refused(idempotency.run(own, work)), 'idempotency_in_progress');
    gate.resolve();
    let later: Awaited<ReturnType<typeof idempotency.run>> | undefined;
    const hasEnded = async (): Promise<boolean> => {
      later = await idempotency.run(own, work).catch(() => undefined);
      return later !== undefined;
    };
    await eventually(hasEnded, 'the key has ended');
    return later;
  };
  t.deepEqual(await start('stored', true), { reply, replayed: true });
  t.is(await effects(), 1);
  t.false((await start('nothing', false))?.replayed);
  t.is(await effects(), 2);
});

test('a key ends after its TTL, and after the lease of a dead attempt', async (t) => {
  const { idempotency, work, effects, admin } = await setup(t, { leaseMs: 5_000 });
  await idempotency.run(request, work);
  await admin.query(`update idempotency_key set expires_at = now() - interval '1 s'`);
  t.false((await idempotency.run({ ...request, fingerprint: 'two' }, work)).replayed);
  t.is(await effects(), 2);

  // As a killed process leaves it, before its effect.
  await admin.query('update idempotency_key set finished_at = null, reply = null');
  const again = { ...request, fingerprint: 'two' };
  t.is(await refused(idempotency.run(again, work)), 'idempotency_in_progress');
  await admin.query(`update idempotency_key set lease_until = now() - interval '1 s'`);
  t.false((await idempotency.run(again, work)).replayed);
  t.is(await effects(), 3);
});

test('a running attempt keeps its lease; an attempt that lost it cannot commit its effect', async (t) => {
  const leaseMs = 600;
  const { idempotency, work, effects, admin, unitOfWork } = await setup(t, { leaseMs });
  const gate = Promise.withResolvers<void>();
  const slow = idempotency.run(request, async ({ remember }) => {
    await gate.promise;
    const reply = { status: 202, body: {} };
    await unitOfWork.run({ operation: 'refresh.record' }, async (transaction) => {
      await transaction.query('insert into effect default values');
      await remember(transaction, reply);
    });
    return reply;
  });
  await eventually(
    async () => (await admin.query('select 1 from idempotency_key')).length === 1,
    'the attempt has its lease',
  );
  await renewedForTwoLeases(admin.query, leaseMs);
  t.is(await refused(idempotency.run(request, work)), 'idempotency_in_progress', 'renewed all the while');

  // What a takeover does while the owner cannot reach the database.
  await admin.query(`update idempotency_key set owner = gen_random_uuid()`);
  gate.resolve();
  t.is(await refused(slow), 'idempotency_in_progress');
  t.is(await effects(), 0);
});

test('a new key beyond the quota of its owner is refused, and has no effect; the keys of another owner do not count', async (t) => {
  const { idempotency, refusals, work, effects, admin } = await setup(t, { maxKeysPerOwner: 2 });
  // Two API keys of one user are two subjects and one owner.
  const keyed = (subject: string, key: string, owner = 'user:1') => ({ subject, owner, key, fingerprint: 'one' });
  await idempotency.run(keyed('api_key:a', 'k-1'), work);
  await idempotency.run(keyed('api_key:b', 'k-2'), work);
  t.is(await refused(idempotency.run(keyed('api_key:c', 'k-3'), work)), 'quota_exceeded');
  t.is(await effects(), 2);
  t.deepEqual(refusals.kinds, ['storage_quota']);
  t.true((await idempotency.run(keyed('api_key:a', 'k-1'), work)).replayed, 'a known key is still answered');
  await idempotency.run(keyed('client:x', 'k-1', 'client:x'), work);

  await admin.query("update idempotency_key set expires_at = now() - interval '1 second' where subject = 'api_key:a'");
  await idempotency.run(keyed('api_key:c', 'k-3'), work);
  t.is((await admin.query("select 1 from idempotency_key where counted_against = 'user:1'")).length, 2);
});

test('the keys of an API key that has ended do not count against its owner', async (t) => {
  const { idempotency, work, admin } = await setup(t, { maxKeysPerOwner: 2 });
  const [kept, ended] = ['00000000-0000-7000-8000-00000000000a', '00000000-0000-7000-8000-00000000000b'] as const;
  await storeApiKeys(admin, kept, ended);
  const keyed = (subject: string, key: string) => ({ subject, owner: 'user:1', key, fingerprint: 'one' });
  await idempotency.run(keyed(`api_key:${kept}`, 'k-1'), work);
  await idempotency.run(keyed(`api_key:${ended}`, 'k-2'), work);
  t.is(await refused(idempotency.run(keyed('user:1', 'k-3'), work)), 'quota_exceeded');
  await endApiKey(admin, ended);
  await idempotency.run(keyed('user:1', 'k-3'), work);
  const stored = await admin.query('select subject from idempotency_key order by subject');
  t.deepEqual(stored, [{ subject: `api_key:${kept}` }, { subject: 'user:1' }]);
});
