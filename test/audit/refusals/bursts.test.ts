import test, { type ExecutionContext } from 'ava';
import { createAuditTrail } from '#src/audit/audit-trail.ts';
import { createAfterAnswer } from '#src/audit/refusals/after-answer.ts';
import { createRefusalLimit } from '#src/audit/refusals/refusal-limit.ts';
import { verifyAuditTrail } from '#src/audit/verification.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { RefusalAction } from '#src/kernel/catalogue/audit-actions.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import type { AuditStream } from '#src/kernel/ports/audit.ts';
import type { UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { setup } from '../setup.ts';

const start = async (t: ExecutionContext, maxPerHour = 20, maxOfAllPerHour = 1_000) => {
  const { admin, database, metrics } = await setup(t);
  const now = new Date();
  const clock = { now: () => now, monotonic: () => now.getTime() };
  const refusals = createRefusalLimit({ clock, maxPerHour, maxOfAllPerHour });
  const audit = createAuditTrail({ clock, metrics, ids: uuidv7, refusals });
  const seen = { transactions: 0, isBroken: false };
  const unitOfWork: UnitOfWork = {
    run: (options, work) => {
      if (options.operation === 'auth.refusal') seen.transactions += 1;
      return database.unitOfWork.run(options, async (transaction) => {
        const value = await work(transaction);
        if (seen.isBroken) transaction.beforeCommit(() => Promise.reject(new AppError('database_unavailable')));
        return value;
      });
    },
  };
  const burst = (stream: AuditStream, count: number, action: RefusalAction = 'csrf.refused'): void => {
    for (let number = 0; number < count; number += 1) audit.refuse(unitOfWork, { stream, action, target: 'one' });
  };
  const recorded = async () =>
    Object.fromEntries(
      (
        await admin.query('select stream, count(*)::int as events from audit_event group by stream order by stream')
      ).map(({ stream, events }) => [stream, events]),
    );
  const flush = () => audit.flushRefusals(database.unitOfWork);
  return { admin, database, metrics, seen, burst, recorded, flush };
};

test('a burst of two accounts does not hide the first three refusals of a third', async (t) => {
  const room = await start(t);
  for (const own of ['user:1', 'user:2'] as const) room.burst(own, 60);
  room.burst('user:3', 3);
  await room.flush();
  t.deepEqual(await room.recorded(), { 'user:1': 20, 'user:2': 20, 'user:3': 3 });
  t.is(room.seen.transactions, 3, 'one of each window');
  t.is(room.metrics.value('volwatch_audit_refusals_omitted_total'), 80);
  const [left] = await room.admin.query('select sum(omitted)::int as omitted from audit_refusal_window');
  t.is(left!['omitted'], 80);
  t.deepEqual((await verifyAuditTrail(room.database.reader)).faults, []);
});

test('bursts of a thousand refusals in many windows leave places for the first three of another one', async (t) => {
  const room = await start(t, 20, 5_000);
  for (let own = 0; own < 60; own += 1) room.burst(`user:${own}`, 20);
  room.burst('user:victim', 5);
  await room.flush();
  const { 'user:victim': ofVictim, ...others } = await room.recorded();
  t.is(ofVictim, 3);
  t.is(
    Object.values(others).reduce((sum: number, events) => sum + Number(events), 0),
    50 * 20 + 10 * 3,
    'beyond a thousand each window has three',
  );
});

test('a window is not taken for full by a transaction that was rolled back', async (t) => {
  const room = await start(t, 3);
  room.burst('user:1', 2);
  await room.flush();
  room.seen.isBroken = true;
  room.burst('user:1', 3);
  await room.flush();
  room.seen.isBroken = false;
  room.burst('user:1', 1);
  await room.flush();
  t.deepEqual(await room.recorded(), { 'user:1': 3 });
});

const window = (name: string) => ({ name, cause: 'credential' }) as const;

test('refusals that come while others of their window are recorded have one record after it', async (t) => {
  const afterAnswer = createAfterAnswer<number>(20);
  const records: (readonly number[])[] = [];
  const [isRecording, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const record = async (refusals: readonly number[]): Promise<void> => {
    records.push([...refusals]);
    isRecording.resolve();
    await gate.promise;
  };
  const begin = (refusal: number): boolean => afterAnswer.begin(window('a'), refusal, record);
  t.true([1, 2].every(begin));
  await isRecording.promise;
  t.true([3, 4].every(begin));
  const settled = afterAnswer.settled();
  t.deepEqual(records, [[1, 2]]);
  gate.resolve();
  await settled;
  t.deepEqual(records, [
    [1, 2],
    [3, 4],
  ]);
});

test('windows of one cause have a max, other causes have places, and a record gives its places back', async (t) => {
  const afterAnswer = createAfterAnswer<string>(20);
  let recorded = 0;
  const record = async (refusals: readonly string[]): Promise<void> => void (recorded += refusals.length);
  const begin = (name: string): boolean => afterAnswer.begin(window(name), name, record);
  let kept = 0;
  for (let number = 0; number < 4_000; number += 1) kept += Number(begin(`${number}`));
  t.is(kept, 3_000);
  t.true(afterAnswer.begin({ name: 'a', cause: 'key' }, 'a', record));
  await afterAnswer.settled();
  t.is(recorded, 3_001);
  t.true(begin('later'));
  await afterAnswer.settled();
});
