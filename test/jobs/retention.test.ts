import test from 'ava';
import { createRetention } from '#src/jobs/retention.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';

test('a kind whose rows cannot be removed keeps no other kind, is logged, and fails the job at the end', async (t) => {
  const lines: (readonly [string, object])[] = [];
  const error = new AppError('database_timeout');
  const run = createRetention({
    logger: {
      ...silentLogger,
      info: (fields) => void lines.push(['info', fields]),
      warn: (fields) => void lines.push(['warn', fields]),
    },
    kinds: {
      first: async () => 1,
      stuck: async () => {
        throw error;
      },
      last: async () => 3,
    },
  });
  t.is(await t.throwsAsync(run()), error);
  t.deepEqual(lines, [
    ['warn', { kind: 'stuck', code: 'database_timeout' }],
    ['info', { first: 1, last: 3 }],
  ]);
});
