import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { currentRequest, runInRequest, type RequestContext } from '#src/kernel/requests/request-context.ts';
import { call } from '../setup.ts';
import { program, slowTree, start, withCoverage } from './start-pool.ts';

test.serial('the log line of a lost worker is part of the request that it worked for', async (t) => {
  const seen: unknown[] = [];
  const logger = {
    ...silentLogger,
    error: (fields: object) => seen.push({ ...fields, id: currentRequest()?.requestId }),
  };
  const { run, code } = start(t, { logger });
  const request = (requestId: string) => ({ requestId }) as unknown as RequestContext;
  t.is(await runInRequest(request('first'), async () => code(run())), 'ok');
  t.is(await runInRequest(request('second'), async () => code(run('exit'))), 'internal_error');
  t.is(seen.length, 1);
  t.like(seen[0], { id: 'second', exit_code: 7, input: 'json' });
  t.true((seen[0] as { bytes: number }).bytes > 100);
});

test.serial('greeks of a deep tree are one long row, and no stall', async (t) => {
  const { service, metrics } = start(t, { filename: program, stallMs: withCoverage(1_500), heapMegabytes: 256 });
  // Some 1.5 s without any progress.
  const { delta } = await service.greeks({ ...call, ...slowTree, steps: 5_501, outputs: ['delta'] });
  t.true(Math.abs(delta!) < 1);
  t.is(metrics.value('volwatch_workers_restarts_total'), 0);
});

test.serial('work that would take too long is refused at once, by its estimate', async (t) => {
  const { service, code, refusals, metrics } = start(t, { filename: program, heapMegabytes: 256 });
  const rows = 100_000;
  const dear = { ...call, ...slowTree };
  const spot = Array.from({ length: rows }, () => 42);
  const steps = spot.map((_, row) => (row === 0 ? 11 : 10_001));
  const { model, exercise_style, ...inputs } = dear;
  const batch = code(service.batch({ columns: { ...inputs, spot, steps }, model, exercise_style }));
  t.is(await batch, 'pricing_work_too_large');
  t.is(await code(service.price({ ...dear, steps: 10_001, dividends: [] })), 'ok');
  t.deepEqual(refusals, [{ kind: 'work_estimate', clientIp: undefined }]);
  t.is(metrics.value('volwatch_workers_restarts_total'), 0);
});

test.serial('a caller with too many tasks is told to slow down; another is served', async (t) => {
  const { workers } = start(t, { filename: program, callerLimit: 2, heapMegabytes: 256 });
  const bytes = Buffer.from(JSON.stringify({ options: [{ ...call, ...slowTree }] }));
  const send = async (caller: string) =>
    workers.run({ bytes, input: 'json', answer: ['json'], jsonDepth: 20 }, { caller, kind: 'batch', maxMs: 1e9 });
  const first = [send('a'), send('a')];
  t.like(await t.throwsAsync(send('a'), { instanceOf: AppError }), {
    code: 'rate_limit_exceeded',
    abuse: 'work_by_caller',
    retryAfter: 1,
  });
  t.is((await send('b')).size, 1);
  await Promise.all(first);
  t.is((await send('a')).size, 1);
});
