import test, { type ExecutionContext } from 'ava';
import { createAuditTrail } from '#src/audit/audit-trail.ts';
import { createExportRoutes } from '#src/accounts/index.ts';
import { entities } from '#src/compose/data/entities.ts';
import { personalTables } from '#src/compose/data/personal-data/personal-tables.ts';
import { createDatabase } from '#src/database/database.ts';
import { createByteCount } from '#src/kernel/memory/byte-count.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { systemClock as clock } from '#src/kernel/ports/clock.ts';
import type { UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { currentRequest } from '#src/kernel/requests/request-context.ts';
import { serve } from '#test/http/support.ts';
import { eventually } from '#testkit/eventually.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';

const idOf = (number: number): string => `018f0000-0000-7000-8000-00000000000${number}`;

/** Three users, and a database whose transactions wait for `open`. */
const setup = async (t: ExecutionContext) => {
  const stored = await setupDatabase(t);
  await stored.query(
    `insert into user_account (id, email, password_hash, role, scopes, created_at)
     select id::uuid, id, 'x', 'user', '{}', now() from unnest($1::text[]) as id`,
    [[1, 2, 3].map(idOf)],
  );
  const database = await createDatabase({ ...databaseSettings(stored.url), entities, metrics: noMetrics });
  t.teardown(() => database.close());
  const open = Promise.withResolvers<void>();
  let started = 0;
  /** How many places the request of each transaction holds. */
  const held: number[] = [];
  const unitOfWork: UnitOfWork = {
    ...database.unitOfWork,
    run: async (options, work) => {
      started += 1;
      held.push(currentRequest()?.placesHeld ?? 0);
      await open.promise;
      return database.unitOfWork.run(options, work);
    },
  };
  const refused: string[] = [];
  /** Users whose credentials have ended. */
  const ended = new Set<string>();
  const time = { offsetMs: 0 };
  const { call } = await serve(t, {
    clock: { ...clock, monotonic: () => performance.now() + time.offsetMs },
    routes: createExportRoutes({
      unitOfWork,
      audit: createAuditTrail({ metrics: noMetrics, clock, ids: uuidv7 }),
      clock,
      tables: personalTables,
      maxRows: 100,
      maxBytes: 1_000_000,
      statementTimeoutMs: 5_000,
      unfinishedAnswers: createByteCount(),
      abuse: { refused: (kind) => void refused.push(kind) },
      metrics: noMetrics,
    }),
    authenticate: async ({ headers }) => {
      const subject = String(headers.authorization);
      if (ended.has(subject)) throw new AppError('token_revoked');
      return { kind: 'user', subject, scopes: [] };
    },
  });
  const exportOf = (number: number) => call('/api/v1/account/export', { headers: { Authorization: idOf(number) } });
  return { exportOf, open, ended, refused, time, held, started: () => started };
};

test('an account has one export at a time, and a process two; the next one waits for a place', async (t) => {
  const { exportOf, open, refused, held, started } = await setup(t);
  const first = exportOf(1);
  await eventually(() => started() === 1, 'the first export has begun');
  const same = await exportOf(1);
  t.is(same.status, 429);
  t.is(same.headers.get('retry-after'), '5');
  t.like(await same.json(), { code: 'rate_limit_exceeded', detail: 'Another export of this account is being made' });
  const second = exportOf(2);
  await eventually(() => started() === 2, 'the second export has begun');
  const third = exportOf(3);
  t.is((await exportOf(2)).status, 429);
  t.deepEqual(refused, ['answer_backlog', 'answer_backlog']);
  t.is(started(), 2);
  t.deepEqual(held, [1, 1]);
  open.resolve();
  for (const [number, answer] of [await first, await second, await third].entries()) {
    t.is(answer.status, 200);
    t.like(await answer.json(), { user_id: idOf(number + 1), truncated: [] });
  }
  t.is((await exportOf(3)).status, 200);
});

test('an export is not made for a credential that ended while it waited', async (t) => {
  const { exportOf, open, ended, started, time } = await setup(t);
  const others = [exportOf(1), exportOf(2)];
  await eventually(() => started() === 2, 'two exports have begun');
  const waiting = exportOf(3);
  // A caller is not checked again within a second.
  time.offsetMs = 1_100;
  ended.add(idOf(3));
  open.resolve();
  const answer = await waiting;
  t.is(answer.status, 401);
  t.like(await answer.json(), { code: 'token_revoked' });
  for (const other of others) t.is((await other).status, 200);
  t.is(started(), 4, 'two transactions for each of the two exports');
});
