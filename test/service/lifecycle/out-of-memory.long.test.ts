import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { exhaustMemory, fillHeapOnSignal } from '#testkit/memory.ts';
import { startOtlpReceiver } from '#testkit/servers/otlp-receiver.ts';
import { checksum, damage, refresh, serve, setFault, takeToken } from '#testkit/running-service.ts';

test('out of memory during a refresh: it is rolled back, and the next process closes its record and continues', async (t) => {
  const database = await setupDatabase(t);
  const collector = await startOtlpReceiver(t);
  const environment = { DATABASE_URL: database.url, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
  const doomed = await serve(t, environment, { nodeArguments: ['--import', fillHeapOnSignal] });
  await doomed.logged(({ message }) => message === 'started');
  const complete = await checksum(database);
  await damage(database);
  const before = await checksum(database);
  await setFault(doomed, 'refresh.commit', { mode: 'hang' });
  const interrupted = refresh(doomed, await takeToken(doomed), 'tech5');
  const lost = t.throwsAsync(interrupted);
  await doomed.logged(({ fault_point: point }) => point === 'refresh.commit');

  exhaustMemory(doomed.pid);
  const { code, signal } = await doomed.exited;
  t.true(code !== 0, `${code} ${signal}`);
  await lost;
  t.is(await checksum(database), before, 'rows are those of the last committed state');

  const next = await serve(t, environment);
  await next.ready(10_000);
  const closed = await next.logged(
    ({ message }) => message === 'closed refreshes that another run left behind',
    10_000,
  );
  t.is(closed['closed'], 1);
  const answer = await refresh(next, await takeToken(next), 'tech5');
  t.like(answer.body, { status: 'succeeded' });
  t.is(await checksum(database), complete);
  const traceId = answer.headers.get('x-trace-id')!;
  await collector.received(traceId, 10_000);
  await next.logged((line) => line.message === 'request' && line['trace_id'] === traceId);
});
