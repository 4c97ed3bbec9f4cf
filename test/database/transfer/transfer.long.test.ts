import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, refresh, serve, takeToken, temporaryDirectory } from '#testkit/running-service.ts';
import { operate } from '#testkit/commands/operate.ts';
import { contentOf } from './setup.ts';

test('all data of a service move to another database, on which a service then runs', async (t) => {
  const source = await setupDatabase(t, { migrated: false });
  const first = await serve(t, { DATABASE_URL: source.url });
  await first.ready(120_000);
  const token = await takeToken(first);
  // The start loads them too, and a refresh that runs meanwhile is refused.
  for (const universe of ['tech5', 'sp500']) {
    const isRefreshed = async () => (await refresh(first, token, universe)).body['status'] === 'succeeded';
    await eventually(isRefreshed, `${universe} is refreshed`, 60_000);
  }
  const prices = await call(`${first.url}/api/v1/assets/AAPL/prices`);
  t.is(await first.stop(), 0);
  // Each character that the text format of COPY escapes.
  await source.query(String.raw`update asset set name = E'a\tb\nc\r\\.\\N\v"' where symbol = 'MSFT'`);
  const before = await contentOf(source);

  const file = join(temporaryDirectory(t), 'laptop.volwatch');
  const exported = await operate(source, 'db.ts', 'export', file);
  t.is(exported.code, 0, exported.stderr);
  t.regex(exported.stdout, /^Exported \d+ rows of \d+ tables to /);
  t.is(statSync(file).mode & 0o777, 0o600, 'only the owner can read it');
  t.false(existsSync(`${file}.partial`));

  const target = await setupDatabase(t, { migrated: false });
  const imported = await operate(target, 'db.ts', 'import', file);
  t.is(imported.code, 0, imported.stderr);
  t.is(imported.stdout.replace('Imported', 'Exported').replace(' from ', ' to '), exported.stdout);
  t.deepEqual(await contentOf(target), before);
  const verified = await operate(target, 'audit.ts');
  t.is(verified.code, 0, verified.stderr);

  const second = await serve(t, { DATABASE_URL: target.url });
  await second.ready(120_000);
  t.deepEqual((await call(`${second.url}/api/v1/assets/AAPL/prices`)).body, prices.body);
  t.is((await refresh(second, await takeToken(second), 'tech5')).body['status'], 'succeeded');
  t.is(await second.stop(), 0);
  const [highest] = await target.query('select max(id) as id from asset');
  const [added] = await target.query(
    `insert into asset (symbol, name, exchange, currency) values ('NEW', 'x', 'x', 'USD') returning id`,
  );
  t.true(Number(added?.['id']) > Number(highest?.['id']), 'the next id comes after those of the export');
});
