import test from 'ava';
import { noAbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { systemClock as clock } from '#src/kernel/ports/clock.ts';
import type { JobQueue } from '#src/kernel/ports/jobs.ts';
import { silentLogger as logger } from '#src/kernel/ports/logger.ts';
import { createOutbox as createMailOutbox, type OutboxDeps } from '#src/mail/outbox.ts';
import { chunkKey, createLostChunks } from '#src/pricing-jobs/lost-chunks.ts';
import { createOutbox } from '#src/webhooks/outbox/outbox.ts';
import { idle, setup } from './setup.ts';

/** As many as one search takes. */
const before = 1_000;

test('messages, events and deliveries without a job are found behind a thousand older ones with a job', async (t) => {
  const { admin, database, metrics, make } = await setup(t, { worker: false });
  const { unitOfWork, reader } = database;
  const jobs = make();
  await jobs.start(idle);
  const ids = Array.from({ length: before + 1 }, uuidv7).sort();
  const list = `unnest(array['${ids.join(`','`)}']::uuid[]) as id`;
  const webhook = uuidv7();
  await admin.query(
    `insert into webhook (id, owner_kind, owner_id, url, events, created_at, secret_version)
     values ('${webhook}', 'client', 'desk', 'https://example.org', '{refresh.succeeded}', now(), 1)`,
  );
  await admin.query(
    `insert into mail_message (id, kind, recipient, state, created_at)
     select id, 'password_reset', 'ada@example.org', 'waiting', now() from ${list}`,
  );
  await admin.query(
    `insert into webhook_event (id, type, body, occurred_at) select id, 'refresh.succeeded', '{}', now() from ${list}`,
  );
  await admin.query(
    `insert into webhook_delivery (webhook_id, event_id, state, created_at)
     select '${webhook}', id, 'waiting', now() - interval '25 hours' + ordinality * interval '1 second'
     from unnest(array['${ids.join(`','`)}']::uuid[]) with ordinality as event (id, ordinality)`,
  );
  const lost = ids.at(-1)!;
  const keysOf: Partial<Record<JobQueue, (id: string) => string>> = {
    mail: (id) => id,
    webhook_event: (id) => id,
    webhook_delivery: (id) => `${webhook}/${id}`,
  };
  for (const [queue, keyOf] of Object.entries(keysOf)) {
    const known = ids.slice(0, -1).map((id) => ({ key: keyOf(id), data: {} }));
    await unitOfWork.run({ operation: 'mail.delivery' }, (transaction) =>
      jobs.enqueueAll(transaction, queue as JobQueue, known),
    );
  }
  const deps = { unitOfWork, reader, jobs, clock, ids: uuidv7, logger };
  const unlimited = {} as OutboxDeps['limits'];
  const mail = createMailOutbox({ ...deps, isConfigured: true, metrics, limits: unlimited });
  const webhooks = createOutbox({ ...deps, abuse: noAbuseReport });
  const jobsOf = `select name, count(*)::int as jobs, count(*) filter (where data <> '{}')::int as found
    from pgboss.job group by name order by name`;
  // The second search finds none.
  for (const _ of [1, 2]) {
    await mail.resume();
    await webhooks.resume();
    t.deepEqual(
      await admin.query(jobsOf),
      ['mail', 'webhook_delivery', 'webhook_event'].map((name) => ({ name, jobs: before + 1, found: 1 })),
    );
  }
  for (const [queue, keyOf] of Object.entries(keysOf)) {
    const found = `select 1 from pgboss.job where name = '${queue}' and singleton_key = '${keyOf(lost)}'`;
    t.is((await admin.query(found)).length, 1, queue);
  }
});

test('chunks without a job are found beside others, also when the queue has given their job up', async (t) => {
  const { admin, database, make } = await setup(t, { worker: false });
  const { unitOfWork, reader } = database;
  const jobs = make();
  await jobs.start(idle);
  const id = uuidv7();
  await admin.query(
    `insert into pricing_job (id, subject, owner, status, created_at) values ($1, 'client:desk', 'client:desk', 'submitted', now())`,
    [id],
  );
  await admin.query(
    `insert into pricing_chunk (job_id, number, status, digest, input)
     select $1, number, case when number = 4 then 'done' else 'waiting' end, '', '\\x00' from generate_series(1, 4) as number`,
    [id],
  );
  const known = [1, 2].map((number) => ({ key: chunkKey(id, number), data: {} }));
  await unitOfWork.run({ operation: 'pricing_job.change' }, (transaction) =>
    jobs.enqueueAll(transaction, 'pricing', known),
  );
  await admin.query(`update pgboss.job set state = 'failed' where singleton_key = $1`, [chunkKey(id, 2)]);
  const chunks = createLostChunks({ unitOfWork, reader, jobs, logger });
  const found = (): Promise<unknown[]> =>
    admin.query(
      `select data->>'number' as number from pgboss.job where name = 'pricing' and data ? 'number' order by number`,
    );
  for (const _ of [1, 2]) {
    await chunks.resume();
    t.deepEqual(await found(), [{ number: '2' }, { number: '3' }]);
  }
});
