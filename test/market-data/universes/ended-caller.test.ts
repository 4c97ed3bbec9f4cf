import test from 'ava';
import { callerHolds } from '#src/compose/identity/owners.ts';
import { AppError, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import { desk, errorOf, setupUniverses } from './setup.ts';

test('a change of a universe whose caller has lost the scope meanwhile is not stored', async (t) => {
  let ended: ErrorCode | undefined;
  const asked: string[] = [];
  const assertCallerHolds = callerHolds({
    assertHolds: async (query, _, scope) => {
      const [row] = await query<{ count: number }>(`select count(*)::int as count from universe where name = 'desk'`);
      asked.push(`${scope} ${row!.count}`);
      if (ended) throw new AppError(ended);
    },
  });
  const { put, remove, get, admin } = await setupUniverses(t, {}, {}, { assertCallerHolds });
  t.deepEqual(asked, [], 'the start has no caller');
  ended = 'scope_insufficient';
  const refused = await put('desk', desk());
  t.is(refused.status, 403);
  t.is((await errorOf(refused))['code'], 'scope_insufficient');
  t.deepEqual(await admin.query(`select 1 from universe where name = 'desk'`), []);
  ended = undefined;
  t.is((await put('desk', desk())).status, 201);
  ended = 'credential_owner_gone';
  t.is((await remove('desk')).status, 401);
  t.is((await get<{ name: string }>('/universes/desk')).name, 'desk');
  t.deepEqual(asked, ['market:manage 1', 'market:manage 1', 'market:manage 0'], 'asked after the change');
});
