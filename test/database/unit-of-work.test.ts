import { SpanStatusCode } from '@opentelemetry/api';
import { defineEntity, p } from '@mikro-orm/postgresql';
import test from 'ava';
import { createDatabase } from '#src/database/database.ts';
import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';
import { runInRequest } from '#src/kernel/requests/request-context.ts';
import { assertOutsideTransaction, currentTransaction } from '#src/kernel/ports/unit-of-work.ts';
import { databaseSettings } from '#testkit/database.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { captureSpans } from '#testkit/spans.ts';
import { eventually } from '#testkit/eventually.ts';
import { balances, setup } from './setup.ts';

const Account = defineEntity({
  name: 'Account',
  tableName: 'account',
  properties: { id: p.integer().primary(), balance: p.integer() },
});

const operation = 'refresh.apply';
const transactions = 'volwatch_db_transactions_total';
const spanName = 'db.transaction refresh.apply';
const isDuration = (value: unknown): boolean => typeof value === 'number' && value >= 0 && value < 60_000;

test.serial('a commit: rows, span, counter, duration and Server-Timing', async (t) => {
  const { database, admin, metrics, lines } = await setup(t, { entities: [Account] });
  const spans = captureSpans(t);
  const timings: { db?: number } = {};
  const context = { requestId: 'r', traceId: 't', clientIp: '::1', signal: AbortSignal.timeout(5_000), timings };

  const returned = await runInRequest(context, () =>
    database.unitOfWork.run({ operation }, async ({ em, query }) => {
      const first = await em.findOneOrFail(Account, { id: 1 });
      first.balance = 70;
      await query('update account set balance = balance + $1 where id = $2', [30, 2]);
      return 'done';
    }),
  );

  t.is(returned, 'done');
  t.deepEqual(await balances(admin), [70, 130]);
  const [span] = spans.named(spanName);
  t.is(span?.attributes['volwatch.transaction.outcome'], 'committed');
  t.is(span?.attributes['error.type'], undefined);
  t.is(span?.status.code, SpanStatusCode.UNSET);
  t.is(metrics.value(transactions, { operation, outcome: 'committed', reason: '' }), 1);
  t.is(metrics.value(transactions), 1);
  t.is(metrics.value('volwatch_db_transaction_duration_seconds', { operation, outcome: 'committed' }), 1);
  t.is(
    metrics.value('db_client_operation_duration_seconds', {
      db_operation_name: 'UPDATE',
      db_collection_name: 'account',
      error_type: '',
    }),
    2,
  );
  t.true((timings.db ?? 0) > 0);
  const ended = lines.filter((line) => line['operation'] === operation);
  t.is(ended.length, 1);
  t.like(ended[0], { level: 'debug', outcome: 'committed', reason: '' });
  t.true(isDuration(ended[0]?.['duration_ms']));
});

test.serial('a rollback: unchanged rows, span, counter with the reason, the same error', async (t) => {
  const { database, admin, metrics, lines } = await setup(t);
  const spans = captureSpans(t);
  const refusal = new AppError('external_api_bad_response');

  const thrown = await t.throwsAsync(
    database.unitOfWork.run({ operation }, async ({ query }) => {
      await query('update account set balance = 0');
      throw refusal;
    }),
  );

  t.is(thrown, refusal);
  t.deepEqual(await balances(admin), [100, 100]);
  const [span] = spans.named(spanName);
  t.is(span?.attributes['volwatch.transaction.outcome'], 'rolled_back');
  t.is(span?.attributes['volwatch.transaction.rollback_reason'], 'external_api_bad_response');
  t.is(span?.attributes['error.type'], 'external_api_bad_response');
  t.is(span?.status.code, SpanStatusCode.ERROR);
  t.is(metrics.value(transactions, { operation, outcome: 'rolled_back', reason: 'external_api_bad_response' }), 1);
  t.is(metrics.value(transactions), 1);
  t.like(lines.at(-1), { level: 'warn', operation, outcome: 'rolled_back', reason: 'external_api_bad_response' });
  t.true(isDuration(lines.at(-1)?.['duration_ms']));
});

test.serial('a refusal of the caller rolls back, is no fault, and leaves the span status unset', async (t) => {
  const { database, metrics, lines } = await setup(t);
  const spans = captureSpans(t);
  await t.throwsAsync(
    database.unitOfWork.run({ operation }, async () => {
      throw new AppError('precondition_failed');
    }),
  );
  const [span] = spans.named(spanName);
  t.is(span?.status.code, SpanStatusCode.UNSET);
  t.is(span?.attributes['error.type'], 'precondition_failed');
  t.is(span?.attributes['volwatch.transaction.outcome'], 'refused');
  t.is(metrics.value(transactions, { operation, outcome: 'refused', reason: 'precondition_failed' }), 1);
  t.is(metrics.value(transactions, { outcome: 'rolled_back' }), 0);
  t.like(lines.at(-1), { level: 'debug', operation, outcome: 'refused', reason: 'precondition_failed' });
  t.true(isDuration(lines.at(-1)?.['duration_ms']));
});

test('an unexpected error is thrown unchanged and counts as internal_error', async (t) => {
  const { database, metrics } = await setup(t);
  const error = await t.throwsAsync(
    database.unitOfWork.run({ operation }, ({ query }) => query('insert into account values (1, 1)')),
  );
  t.false(error instanceof AppError);
  t.like(error, { code: '23505' });
  t.is(metrics.value(transactions, { outcome: 'rolled_back', reason: 'internal_error' }), 1);
});

test('a swallowed statement error does not commit half of the work', async (t) => {
  const { database, admin, metrics } = await setup(t);
  await t.throwsAsync(
    database.unitOfWork.run({ operation }, async ({ query }) => {
      await query('update account set balance = 0');
      await query('select 1 / 0').catch(() => {});
    }),
    { message: /swallowed/ },
  );
  t.deepEqual(await balances(admin), [100, 100]);
  t.is(metrics.value(transactions, { outcome: 'committed' }), 0);
  t.is(metrics.value(transactions, { outcome: 'rolled_back' }), 1);
});

const readAndAdd = async (
  database: Awaited<ReturnType<typeof setup>>['database'],
  meet: () => Promise<void>,
): Promise<void> =>
  database.unitOfWork.run({ operation, isolation: 'serializable' }, async ({ query }) => {
    const [row] = await query<{ balance: number }>('select sum(balance)::int as balance from account');
    await meet();
    await query('update account set balance = $1 where id = 1', [(row?.balance ?? 0) + 1]);
  });

/** The first `count` callers wait for each other; later ones pass. */
const barrier = (count: number): (() => Promise<void>) => {
  const open = Promise.withResolvers<void>();
  let arrived = 0;
  return () => {
    arrived += 1;
    if (arrived >= count) open.resolve();
    return open.promise;
  };
};

test('a serialization failure runs again, and every attempt is counted', async (t) => {
  const { database, admin, metrics } = await setup(t);
  const meet = barrier(2);
  await Promise.all([readAndAdd(database, meet), readAndAdd(database, meet)]);
  // 200 + 1 by the first, then (201 + 100) + 1 by the one that ran again.
  t.deepEqual(await balances(admin), [302, 100]);
  t.is(metrics.value(transactions, { outcome: 'committed' }), 2);
  t.is(metrics.value(transactions, { outcome: 'rolled_back', reason: 'database_conflict' }), 1);
});

test('a deadlock runs again', async (t) => {
  const { database, admin, metrics } = await setup(t);
  const meet = barrier(2);
  const move = (from: number, to: number) =>
    database.unitOfWork.run({ operation }, async ({ query }) => {
      await query('update account set balance = balance - 10 where id = $1', [from]);
      await meet();
      await query('update account set balance = balance + 10 where id = $1', [to]);
    });
  await Promise.all([move(1, 2), move(2, 1)]);
  t.deepEqual(await balances(admin), [100, 100]);
  t.is(metrics.value(transactions, { outcome: 'committed' }), 2);
  t.is(metrics.value(transactions, { outcome: 'rolled_back', reason: 'database_conflict' }), 1);
});

test.serial('permanent conflicts give database_conflict after the max retries', async (t) => {
  const { database, metrics } = await setup(t, { maxTransactionRetries: 2 });
  const spans = captureSpans(t);
  let attempts = 0;
  const error = await t.throwsAsync(
    database.unitOfWork.run({ operation }, async ({ query }) => {
      attempts += 1;
      await query(`do $$ begin raise exception 'again' using errcode = '40001'; end $$`);
    }),
    { instanceOf: AppError },
  );
  t.is(error?.code, 'database_conflict');
  t.is(attempts, 3);
  t.is(metrics.value(transactions, { outcome: 'rolled_back', reason: 'database_conflict' }), 3);
  const [span] = spans.named(spanName);
  t.is(span?.events.length, 2);
  t.is(span?.attributes['volwatch.transaction.rollback_reason'], 'database_conflict');
});

test('a conflict in a flush of the identity map is recognised through the exception of MikroORM', async (t) => {
  const { database, admin } = await setup(t, { entities: [Account], maxTransactionRetries: 0 });
  await admin.query(`create function refuse() returns trigger language plpgsql as
    $$ begin raise exception 'conflict' using errcode = '40001'; end $$`);
  await admin.query('create trigger refuse before update on account for each row execute function refuse()');
  const error = await t.throwsAsync(
    database.unitOfWork.run({ operation }, async ({ em }) => {
      (await em.findOneOrFail(Account, { id: 1 })).balance = 5;
    }),
  );
  t.is(codeOf(error), 'database_conflict');
});

test('a nested unit of work is refused, a joined one uses the same transaction', async (t) => {
  const { database, admin, metrics } = await setup(t);
  await t.throwsAsync(
    database.unitOfWork.run({ operation }, () =>
      database.unitOfWork.run({ operation: 'refresh.record' }, async () => {}),
    ),
    { message: /began inside another/ },
  );
  await t.throwsAsync(
    database.unitOfWork.run({ operation }, async () => {
      await database.unitOfWork.run({ operation: 'refresh.record', propagation: 'join' }, ({ query }) =>
        query('update account set balance = 1'),
      );
      throw new Error('the outer one fails');
    }),
  );
  t.deepEqual(await balances(admin), [100, 100]);
  t.is(metrics.value(transactions, { operation: 'refresh.record' }), 0);

  await database.unitOfWork.run({ operation: 'refresh.record', propagation: 'join' }, ({ query }) =>
    query('update account set balance = 7'),
  );
  t.deepEqual(await balances(admin), [7, 7]);
});

test('a network call inside a unit of work is refused, before and after it is not', async (t) => {
  const { database } = await setup(t);
  const call = (): void => assertOutsideTransaction('The fetch');
  t.notThrows(call);
  let later = Promise.resolve();
  await database.unitOfWork.run({ operation }, async () => {
    t.throws(call, { message: /inside a transaction/ });
    // The call is made after the end of the transaction that started it.
    later = new Promise((done) => setTimeout(done, 50)).then(call);
  });
  await t.notThrowsAsync(later);
  t.is(currentTransaction(), undefined);
});

test('values have the types that the port documents', async (t) => {
  const { database } = await setup(t);
  const [row] = await database.reader.query(
    `select $1::date as date, $2::timestamptz as instant, 12345678901::bigint as big, 0.1::float8 as float, 0.10::numeric as exact`,
    ['2020-04-17', '2020-04-17T10:00:00Z'],
  );
  t.deepEqual(row, {
    date: '2020-04-17',
    instant: new Date('2020-04-17T10:00:00Z'),
    big: 12_345_678_901,
    float: 0.1,
    exact: '0.10',
  });
});

test('the rollback counter agrees with what the server counted', async (t) => {
  const { admin } = await setup(t);
  const metrics = recordMetrics();
  const database = await createDatabase({ ...databaseSettings(admin.url), metrics, maxTransactionRetries: 1 });
  const rollbacks = async (): Promise<number> => {
    const text = 'select xact_rollback::int as count from pg_stat_database where datname = current_database()';
    return Number((await admin.query(text))[0]?.['count']);
  };
  const before = await rollbacks();
  const fail = (text: string) => database.unitOfWork.run({ operation }, ({ query }) => query(text));
  await database.unitOfWork.run({ operation }, ({ query }) => query('update account set balance = 1'));
  await t.throwsAsync(fail('select 1 / 0'));
  await t.throwsAsync(fail(`do $$ begin raise exception 'again' using errcode = '40001'; end $$`));
  // A backend reports what it counted when it ends, at the latest.
  await database.close();
  await eventually(async () => (await rollbacks()) - before >= 3, 'the server counts three rollbacks');
  t.is((await rollbacks()) - before, 3);
  t.is(metrics.value(transactions, { outcome: 'rolled_back' }), 3);
});
