import test from 'ava';
import { createSync, type SyncDeps } from '#src/calendar/sync/sync.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { systemClock as clock } from '#src/kernel/ports/clock.ts';
import { silentLogger as logger } from '#src/kernel/ports/logger.ts';
import { currentRequest, runInRequest } from '#src/kernel/requests/request-context.ts';
import { recordMetrics } from '#testkit/metrics.ts';

test('the end of the request that began a sync ends none of its waits, because others share it', async (t) => {
  const leave = new AbortController();
  const fetching = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  let isEnded: boolean | undefined;
  const unitOfWork: SyncDeps['unitOfWork'] = {
    run: (_options, work) => work({ query: async () => [{ id: 'id', status: 'connected' }] } as never),
  };
  const sync = createSync({
    unitOfWork,
    fetchChanges: async () => {
      fetching.resolve();
      await goOn.promise;
      isEnded = currentRequest()?.signal.aborted;
      throw new AppError('external_api_unavailable');
    },
    memory: { begin: () => ({ signal: new AbortController().signal, set: () => {}, end: () => {} }) },
    clock,
    metrics: recordMetrics(),
    logger,
    timeoutMs: 60_000,
    statementTimeoutMs: 1_000,
    assertQuota: () => {},
    assertEventBytes: () => {},
    assertTotalBytes: async () => {},
  });
  const ada = { kind: 'user', id: 'ada' } as const;
  const context = { requestId: '', traceId: '', clientIp: '', timings: {}, signal: leave.signal };
  const first = runInRequest(context, () => sync.run(ada, 'request', leave.signal));
  await fetching.promise;
  const second = sync.run(ada, 'request', new AbortController().signal);
  leave.abort(new Error('the client left'));
  await t.throwsAsync(first);
  goOn.resolve();
  await t.throwsAsync(second);
  t.is(isEnded, false);
});
