import test from 'ava';
import { createScheduledSync } from '#src/calendar/sync/scheduled-sync.ts';
import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';

const unused = async (): Promise<never> => {
  throw new Error('not called');
};

test('a scheduled sync is repeated after faults that pass, and not because a calendar was slow', async (t) => {
  const outcomeOf = (error: Error): Promise<string | undefined> =>
    createScheduledSync({
      unitOfWork: { run: unused },
      reader: { query: unused },
      jobs: { enqueue: unused },
      sync: { run: () => Promise.reject(error) },
      revocations: { revoke: unused, pending: unused },
      mayAct: async () => true,
      logger: silentLogger,
    })({ owner_kind: 'user', owner_id: 'ada' }, new AbortController().signal, { last: false }).then(
      () => 'done',
      codeOf,
    );
  t.is(await outcomeOf(new AppError('external_api_unavailable')), 'external_api_unavailable');
  t.is(await outcomeOf(new AppError('external_api_bad_response')), 'external_api_bad_response');
  t.is(await outcomeOf(new AppError('external_api_timeout')), 'done');
  t.is(await outcomeOf(new AppError('calendar_reauthorization_required')), 'done');
});
