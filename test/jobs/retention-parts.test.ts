import { randomUUID } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { createMaintenance } from '#src/auth/maintenance.ts';
import { composeKinds } from '#src/compose/features/retention.ts';
import { entities } from '#src/compose/data/entities.ts';
import { createDatabase } from '#src/database/database.ts';
import { noAudit } from '#src/kernel/ports/audit.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import type { Query, SnapshotReader, Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { endApiKey, storeApiKeys } from '#testkit/accounts/api-keys.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';

type Kinds = ReturnType<typeof composeKinds>;

const config = {
  PRICING_JOB_RETENTION_HOURS: 24,
  WEBHOOK_RETENTION_DAYS: 30,
  MAIL_RETENTION_HOURS: 72,
  REFRESH_RETENTION_DAYS: 365,
  USERS_WITHOUT_SIGN_IN_DAYS: 7,
} as Parameters<typeof composeKinds>[0]['config'];

/** Statements of a database in which nothing is due. */
const recordStatements = () => {
  const statements: string[] = [];
  const query = (async (text: string) => {
    statements.push(text);
    return text.includes('count(*)::int as rows') ? [{ rows: 0 }] : [];
  }) as unknown as Query;
  const unitOfWork: UnitOfWork = { run: (_, work) => work({ query } as Transaction) };
  const reader: SnapshotReader = { query, snapshot: (work) => work({ query }) };
  return { statements, unitOfWork, reader };
};

const isPart = (statement: string): boolean =>
  /^with (?:next as .* limit \d+\s*\), )?removed as \(\s*delete from .* limit \d+ for update (?:of \w+ )?skip locked\)\) returning \w+\s*\) select count\(\*\)::int as rows\b.* from removed$/s.test(
    statement,
  );

/** These read first what is due, and have tests of their own. */
const readFirst: ReadonlySet<keyof Kinds> = new Set(['refreshes', 'accounts', 'users_without_sign_in'] as const);

test('each kind of the retention is removed in parts, which the server counts', async (t) => {
  const names = Object.keys(composeKinds({ config, clock: systemClock }, recordStatements(), noAudit));
  t.true(names.length > 10);
  for (const name of names as (keyof Kinds)[]) {
    const { statements, ...database } = recordStatements();
    t.is(await composeKinds({ config, clock: systemClock }, database, noAudit)[name](), 0);
    const removals = statements.filter((each) => /\bdelete\b/.test(each));
    t.is(removals.length === 0, readFirst.has(name), name);
    t.deepEqual(
      removals.filter((each) => !isPart(each)),
      [],
      name,
    );
  }
});

test('each table of the clean-up of sign-ins is removed in parts, which the server counts', async (t) => {
  const { statements, unitOfWork } = recordStatements();
  const maintenance = createMaintenance({
    unitOfWork,
    audit: noAudit,
    databaseTime: async () => new Date(),
    logger: silentLogger,
    usageLogs: [],
    flushMs: 60_000,
    cleanUpMs: 60_000,
    sessionIdleSeconds: 60,
  });
  await maintenance.cleanUp();
  t.true(statements.length > 8);
  t.deepEqual(
    statements.filter((each) => !isPart(each)),
    [],
  );
});

/** `parts` has the rows that each transaction of the retention removed, and `maxRows` the most rows that one answer of the server had. */
const setup = async (t: ExecutionContext) => {
  const admin = await setupDatabase(t);
  const database = await createDatabase({ ...databaseSettings(admin.url), entities });
  t.teardown(() => database.close());
  const measured = { parts: [] as number[], maxRows: 0 };
  const unitOfWork: UnitOfWork = {
    run: async (options, work) => {
      let removed = 0;
      const result = await database.unitOfWork.run(options, (transaction) =>
        work({
          ...transaction,
          query: async <Row extends Record<string, unknown>>(text: string, parameters?: readonly unknown[]) => {
            const rows = await transaction.query<Row>(text, parameters);
            measured.maxRows = Math.max(measured.maxRows, rows.length);
            removed += Number(rows[0]?.['rows'] ?? 0);
            return rows;
          },
        }),
      );
      measured.parts.push(removed);
      return result;
    },
  };
  const kinds = composeKinds({ config, clock: systemClock }, { unitOfWork, reader: database.reader }, noAudit);
  const store = (type: string, occurred: string) =>
    admin.query(
      `with event as (
         insert into webhook_event (id, type, body, occurred_at) values (gen_random_uuid(), $1, '{}', ${occurred}) returning id
       ) insert into webhook_delivery (webhook_id, event_id, state, created_at)
         select gen_random_uuid(), id, 'sent', now() from event, generate_series(1, 12_500)`,
      [type],
    );
  return { admin, database, kinds, measured, store };
};

test('deliveries of deleted webhooks are removed in parts', async (t) => {
  const { admin, kinds, measured, store } = await setup(t);
  await store('refresh.succeeded', 'now()');
  await store('webhook.test', 'now()');
  t.is(await kinds.deliveries_of_deleted_webhooks(), 25_001);
  t.deepEqual(measured, { parts: [10_000, 10_000, 5_001, 0], maxRows: 1 });
  t.deepEqual(await admin.query('select type from webhook_event'), [{ type: 'refresh.succeeded' }]);
});

test('old events are removed after their deliveries, which are removed in parts', async (t) => {
  const { admin, kinds, measured, store } = await setup(t);
  await store('refresh.succeeded', `now() - interval '31 days'`);
  await store('refresh.failed', 'now()');
  t.is(await kinds.webhook_events(), 12_501);
  t.deepEqual(measured, { parts: [10_000, 2_501, 0], maxRows: 1 });
  t.deepEqual(await admin.query('select type from webhook_event'), [{ type: 'refresh.failed' }]);
});

test('a row that a change holds is left for the next run of the retention', async (t) => {
  const { admin, database, kinds } = await setup(t);
  await admin.query(
    `insert into mail_message (id, kind, recipient, state, created_at)
     select gen_random_uuid(), 'password_reset', number || '@example.org', 'sent', now() - interval '30 days' from generate_series(1, 2) as number`,
  );
  const [isHeld, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const held = database.unitOfWork.run({ operation: 'mail.delivery' }, async ({ query }) => {
    await query(`select from mail_message where recipient = '1@example.org' for update`);
    isHeld.resolve();
    await gate.promise;
  });
  await isHeld.promise;
  t.is(await kinds.mail_messages(), 1);
  gate.resolve();
  await held;
  t.is(await kinds.mail_messages(), 1);
});

test('jobs of ended keys are found and removed by the server in parts, and a run looks at each job once', async (t) => {
  const { admin, kinds, measured } = await setup(t);
  const [live, ended] = [randomUUID(), randomUUID()];
  await storeApiKeys(admin, live, ended);
  await endApiKey(admin, ended);
  const store = (subject: string, jobs: number, first: string) =>
    admin.query(
      `insert into pricing_job (id, subject, owner, status, created_at)
       select overlay(gen_random_uuid()::text placing $2 from 1 for 1)::uuid, $1, 'user:1', 'open', now() from generate_series(1, $3)`,
      [subject, first, jobs],
    );
  await store(`api_key:${live}`, 248, '0');
  for (const subject of ['user:1', 'api_key:no-uuid']) await store(subject, 1, '1');
  await store(`api_key:${ended}`, 45, '2');
  t.is(await kinds.pricing_jobs_of_ended_keys(), 45);
  t.deepEqual(measured, { parts: [0, 0, 20, 20, 5, 0], maxRows: 1 });
  t.is((await admin.query('select 1 from pricing_job')).length, 250);
});
