import test from 'ava';
import { createDatabase } from '#src/database/database.ts';
import { idempotencyEntities } from '#src/idempotency/entities.ts';
import { createIdempotency } from '#src/idempotency/idempotency.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { runInRequest } from '#src/kernel/requests/request-context.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { recordMetrics } from '#testkit/metrics.ts';

test('the outcome is stored although the client has left and all connections are in use', async (t) => {
  const admin = await setupDatabase(t);
  const database = await createDatabase({ ...databaseSettings(admin.url), entities: idempotencyEntities });
  t.teardown(() => database.close());
  const { unitOfWork } = database;
  const idempotency = createIdempotency({
    unitOfWork,
    metrics: recordMetrics(),
    quota: { assertKeys: async () => {} },
    assertCallerMayStore: async () => {},
    logger: silentLogger,
    clock: systemClock,
    leaseMs: 60_000,
    ttlMs: 60_000,
  });
  const client = new AbortController();
  const ended = Promise.withResolvers<void>();
  let held = 0;
  const holders: Promise<unknown>[] = [];
  const useAllConnections = async (): Promise<void> => {
    const hold = () =>
      unitOfWork.run({ operation: 'refresh.record' }, async () => {
        held += 1;
        await ended.promise;
      });
    for (let before = -1; held > before;) {
      before = held;
      holders.push(...Array.from({ length: 4 }, () => hold().catch(() => {})));
      await eventually(() => held >= before + 4, 'four more are in use', 500).catch(() => {});
    }
  };
  const context = { requestId: 'r', traceId: 't', clientIp: '192.0.2.1', signal: client.signal, timings: {} };
  const run = runInRequest(context, () =>
    idempotency.run({ subject: 'client:desk', owner: 'client:desk', key: 'k-1', fingerprint: 'one' }, async () => {
      // The service is busy, and the client leaves.
      await useAllConnections();
      client.abort(new AppError('request_timeout'));
      setTimeout(ended.resolve, 100);
      return { status: 201, body: { done: true }, headers: {} };
    }),
  );
  await run;
  await Promise.all(holders);
  const [key] = await admin.query('select reply, finished_at is not null as finished from idempotency_key');
  t.like(key, { finished: true });
});
