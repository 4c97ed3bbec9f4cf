import test from 'ava';
import type { Base } from '#src/compose/base.ts';
import type { Edge } from '#src/compose/edge.ts';
import { createLifecycle } from '#src/compose/lifecycle.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';

/** A start whose steps fail with these errors, one after the other, and then succeed. */
const startWith = async (errors: Error[]): Promise<number> => {
  let calls = 0;
  const listen = async (): Promise<number> => 1;
  const { start } = createLifecycle({
    base: {
      config: { HOST: '127.0.0.1', METRICS_HOST: '127.0.0.1' },
      logger: silentLogger,
      publicUrl: { listensAt: () => {} },
    } as unknown as Base,
    edge: {
      server: { listen },
      admin: { listen: async () => ({ port: 2 }) },
      health: { readAgain: async () => {} },
    } as unknown as Edge,
    state: { migrated: false, draining: false },
    prepareData: async () => {
      calls += 1;
      const error = errors.shift();
      if (error !== undefined) throw error;
    },
    background: [],
    parts: {},
  });
  await start();
  return calls;
};

test('a start repeats its steps after an error that can pass', async (t) => {
  t.is(await startWith([new AppError('refresh_in_progress'), new AppError('database_timeout')]), 3);
});

test('a fault of the code ends the start', async (t) => {
  await t.throwsAsync(startWith([new TypeError('broken')]), { instanceOf: TypeError });
  await t.throwsAsync(startWith([new AppError('validation_failed')]), { instanceOf: AppError });
});
