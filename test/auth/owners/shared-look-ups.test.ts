import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import { createOwners } from '#src/auth/owners/owners.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { systemClock as clock } from '#src/kernel/ports/clock.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';

const owner = { kind: 'client', id: 'desk' } as const;

/** `errors`: how each look-up in the database ends, one after the other; then none fails. */
const setup = (...errors: readonly AppError[]) => {
  let reads = 0;
  const query: Query = async () => {
    const error = errors[reads];
    reads += 1;
    await nextTurn();
    if (error) throw error;
    return [];
  };
  const owners = createOwners({
    reader: { query },
    clock,
    roles: new Map(),
    bootstrap: { id: owner.id },
    cacheMs: 0,
    verificationRequired: false,
  });
  const all = () => Promise.allSettled(Array.from({ length: 3 }, () => owners.standing(owner)));
  return { all, reads: () => reads };
};

for (const code of ['request_timeout', 'database_pool_exhausted'] as const) {
  test(`who shares a look-up does not get the ${code} of the request that began it`, async (t) => {
    const { all, reads } = setup(new AppError(code));
    t.deepEqual(
      (await all()).map(({ status }) => status),
      ['rejected', 'fulfilled', 'fulfilled'],
    );
    t.is(reads(), 3, 'one look-up more for each of the others');
  });

  test(`a second look-up that ends with ${code} is that of its own request`, async (t) => {
    const { all, reads } = setup(new AppError(code), new AppError(code));
    t.deepEqual(
      (await all()).map(({ status }) => status),
      ['rejected', 'rejected', 'fulfilled'],
    );
    t.is(reads(), 3);
  });
}

test('an error of the database is not repeated', async (t) => {
  const { all, reads } = setup(new AppError('database_unavailable'));
  t.true((await all()).every(({ status }) => status === 'rejected'));
  t.is(reads(), 1);
});
