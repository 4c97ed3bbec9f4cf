import test from 'ava';
import { callerHolds } from '#src/compose/identity/owners.ts';
import { AppError, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import type { Item, List } from '../../setup-http.ts';
import { header, setupUploads } from '../setup.ts';

const row = 'AAA,2024-01-02,100\n';

test('a file whose caller was disabled, or has lost the scope, after its last byte is not stored', async (t) => {
  let ended: ErrorCode | undefined;
  const asked: string[] = [];
  const assertCallerHolds = callerHolds({
    assertHolds: async (query, { kind }, scope) => {
      const [rows] = await query<{ count: number }>('select count(*)::int as count from price');
      asked.push(`${kind} ${scope} ${rows!.count}`);
      if (ended) throw new AppError(ended);
    },
  });
  const { send, contents, get, refreshes } = await setupUploads(t, {}, {}, { assertCallerHolds });
  // The creation of the universe asks too.
  asked.length = 0;
  t.is((await send(header + row)).status, 200);
  const before = await contents();
  for (const [code, status] of [
    ['scope_insufficient', 403],
    ['credential_owner_gone', 401],
  ] as const) {
    ended = code;
    const headers = { 'Idempotency-Key': code };
    const file = `${header}AAA,2024-01-02,100\nAAA,2024-01-03,101\n`;
    t.like(await send(file, { headers }), { status, body: { code } });
    await refreshes.idle();
    t.is(await contents(), before);
    const newest: Item = (await get<List>('/refreshes?limit=1')).data[0]!;
    t.like(newest, { status: 'rolled_back', reason: code, rows_written: 0 });
  }
  t.deepEqual(
    asked.map((each) => each.replace(/^\w+ /, '')),
    ['market:manage 1', 'market:manage 2', 'market:manage 2'],
    'asked after the prices are written',
  );
});
