import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import { eventually } from '#testkit/eventually.ts';
import type { WorkOptions } from '#src/pricing/workers/pool.ts';
import { setup } from '../../setup.ts';
import { program, start } from '../start-pool.ts';

/** 2 MB, as the reader of large bodies makes them. */
const blocksOf = (): ByteBlocks =>
  new ByteBlocks(Array.from({ length: 2 }, () => Buffer.allocUnsafeSlow(1_048_576).fill(' ')));
const bytesIn = ({ blocks }: ByteBlocks): number => blocks.reduce((sum, { byteLength }) => sum + byteLength, 0);
const released = (blocks: ByteBlocks): Promise<void> =>
  eventually(
    () => bytesIn(blocks) === 0,
    () => `${bytesIn(blocks)} bytes are released`,
  );
const work: WorkOptions = { caller: 'a', kind: 'batch', maxMs: 1e9 };
const request = { input: 'json', answer: ['json'], jsonDepth: 20 } as const;

test('a body that is refused before it is a task is released', async (t) => {
  const { workers } = start(t, { filename: program, callerLimit: 0 });
  const refused = async (options: WorkOptions, code: string): Promise<void> => {
    const bytes = blocksOf();
    t.like(await t.throwsAsync(workers.run({ ...request, bytes }, options), { instanceOf: AppError }), { code });
    await released(bytes);
  };
  await refused(work, 'rate_limit_exceeded');
  const estimate = { totalMs: 2, maxRowMs: 1, model: 'black_scholes' } as const;
  await refused({ ...work, maxMs: 1, estimate }, 'pricing_work_too_large');
  await workers.close();
  await refused(work, 'shutting_down');
});

test('a body whose request was given up before it is a task is released', async (t) => {
  const { workers } = start(t, { filename: program });
  const bytes = blocksOf();
  const given = workers.run({ ...request, bytes }, { ...work, signal: AbortSignal.abort() });
  t.like(await t.throwsAsync(given, { instanceOf: AppError }), { code: 'overloaded' });
  await released(bytes);
});

test('a body is released when the settings of its caller cannot be read', async (t) => {
  const { service, workers } = setup({
    defaultsOf: async () => {
      throw new AppError('database_unavailable');
    },
  });
  t.teardown(workers.close);
  const bytes = blocksOf();
  const given = service.send({ ...request, bytes });
  t.like(await t.throwsAsync(given, { instanceOf: AppError }), { code: 'database_unavailable' });
  await released(bytes);
});
