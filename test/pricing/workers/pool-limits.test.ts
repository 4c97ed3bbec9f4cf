import test from 'ava';
import { createCollectGarbage } from '#src/kernel/memory/collect-garbage.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import { mebibyte } from '#testkit/measures/processes.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { currentRequest, runInRequest, type RequestContext } from '#src/kernel/requests/request-context.ts';
import { call } from '../setup.ts';
import { program, slowTree, start, withCoverage } from './start-pool.ts';
import { eventually } from '#testkit/eventually.ts';

const collectGarbage = createCollectGarbage();

test.serial('the log line of a lost worker is part of the request that it worked for', async (t) => {
  const seen: unknown[] = [];
  const logger = {
    ...silentLogger,
    error: (fields: object) => seen.push({ ...fields, id: currentRequest()?.requestId }),
  };
  const { run, code } = start(t, { logger });
  const request = (requestId: string) => ({ requestId, clientIp: '192.0.2.1' }) as unknown as RequestContext;
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

/** Bytes outside the heap that this process keeps. */
const keptBytes = (): number => {
  collectGarbage('last-resort');
  return process.memoryUsage().arrayBuffers;
};

test.serial('the body of an aborted task is released, although its process takes no bytes', async (t) => {
  const { workers, run, code, until } = start(t, { processes: 1, stallMs: 60_000, cancelGraceMs: 60_000 });
  const hanging = code(run('hang'));
  await until('volwatch_workers_busy', 1);
  const before = keptBytes();
  const controller = new AbortController();
  const send = (): Promise<string> => {
    const bytes = new ByteBlocks(Array.from({ length: 64 }, () => Buffer.alloc(mebibyte, ' ')));
    const work = { signal: controller.signal, caller: 'other', kind: 'batch', maxMs: 1e9 } as const;
    return code(workers.run({ bytes, input: 'json', answer: ['json'], jsonDepth: 20 }, work));
  };
  const large = send();
  await until('volwatch_workers_queue_size', 0);
  t.true(keptBytes() - before >= 64 * mebibyte, 'the process has the task');
  controller.abort();
  t.is(await large, 'overloaded');
  // Two parts of the body may still wait in the socket, and they keep the blocks that they are parts of.
  await eventually(() => keptBytes() - before <= 3 * mebibyte, 'the body is released');
  await workers.close();
  t.is(await hanging, 'shutting_down');
});
