import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { takeOwnerTurn } from '#src/kernel/lists/owner-turn.ts';
import { ensureAssets } from '#src/market-data/refresh/ensure/ensure-assets.ts';
import { changesTurn } from '#src/market-data/universes/universe-rows.ts';
import { pointers } from '../setup-http.ts';
import { desk, errorOf, setupUniverses } from './setup.ts';

test('a symbol that another universe has from another source, or with another interval, is a conflict', async (t) => {
  const { put } = await setupUniverses(t);
  t.is((await put('desk', desk())).status, 201);
  for (const change of [{ interval: '1week' }, { assets: [{ symbol: 'IBM' }] }]) {
    const response = await put('other', { ...desk(), indexes: [], ...change });
    t.is(response.status, 409);
    const problem = await errorOf(response);
    t.is(problem['code'], 'series_source_conflict');
    t.is(pointers(problem)[0], '/assets/0/symbol');
  }
  t.is((await put('other', { ...desk(), indexes: [] })).status, 201);
});

test('another symbol of the provider for a symbol that another universe has is a conflict', async (t) => {
  const { put, admin } = await setupUniverses(t);
  const fetched = (asset: object) => ({ ...desk(), indexes: [], assets: [asset] });
  t.is((await put('desk', fetched({ symbol: 'XYZ' }))).status, 201);
  const poisoned = await put('other', fetched({ symbol: 'XYZ', provider_symbol: 'IBM' }));
  t.is(poisoned.status, 409);
  t.is((await errorOf(poisoned))['code'], 'series_source_conflict');
  t.is((await put('other', fetched({ symbol: 'XYZ', provider_symbol: 'XYZ' }))).status, 201, 'the same symbol');
  t.is((await put('third', fetched({ symbol: 'ABC', provider_symbol: 'ABC.X' }))).status, 201);
  const changed = fetched({ symbol: 'XYZ', provider_symbol: 'IBM' });
  t.is((await put('desk', changed, { 'If-Match': '*' })).status, 409);
  const stored = await admin.query(`select provider_symbol from universe_asset where universe = 'third'`);
  t.deepEqual(stored, [{ provider_symbol: 'ABC.X' }]);
  for (const symbol of ['.', '..', '....']) {
    t.is((await put('dots', fetched({ symbol }))).status, 422, symbol);
    t.is((await put('dots', fetched({ symbol: 'DOT', provider_symbol: symbol }))).status, 422, symbol);
  }
});

test('a universe of the API does not change the name, exchange and currency that a universe of the file gives an asset', async (t) => {
  const { put, admin, database } = await setupUniverses(t);
  const ensure = (
    name: string,
    asset: { readonly name: string; readonly exchange: string; readonly currency: string },
  ) =>
    database.unitOfWork.run({ operation: 'refresh.apply' }, (transaction) =>
      ensureAssets(transaction, {
        name,
        interval: '1day',
        from: '2020-01-01',
        assets: [{ symbol: 'AAA', ...asset }],
        indexes: [],
      }),
    );
  const stored = async () => (await admin.query(`select name, exchange, currency from asset where symbol = 'AAA'`))[0];
  const of = (name: string) => ({ name, exchange: name, currency: 'USD' });
  for (const name of ['desk', 'other']) await put(name, { ...desk(), indexes: [] });
  await ensure('desk', of('first'));
  await ensure('other', of('second'));
  t.deepEqual(await stored(), of('second'), 'the last one of the API');
  await admin.query(`update universe set origin = 'file' where name = 'desk'`);
  await ensure('desk', of('file'));
  await ensure('other', of('poisoned'));
  t.deepEqual(await stored(), of('file'));
});

test('a deletion waits for one that runs, so a series that both universes shared is removed', async (t) => {
  const { put, remove, admin, database } = await setupUniverses(t);
  for (const name of ['desk', 'other']) t.is((await put(name, { ...desk(), indexes: [] })).status, 201);
  await admin.query(`insert into asset (symbol, name, exchange, currency) values ('AAA', 'AAA', 'XNYS', 'USD')`);
  let second: Promise<Response> | undefined;
  await database.unitOfWork.run({ operation: 'universe.change' }, async ({ query }) => {
    await takeOwnerTurn(query, changesTurn);
    await query(`delete from universe where name = 'other'`);
    second = remove('desk', { 'If-Match': '*' });
    // Long enough for a deletion that does not wait.
    await Promise.race([second, sleep(400)]);
  });
  t.is((await second)?.status, 204);
  t.deepEqual(await admin.query(`select symbol from asset where symbol = 'AAA'`), []);
});
