import { randomBytes } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createGunzip, gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { entities } from '#src/compose/data/entities.ts';
import { createDatabase, type Database } from '#src/database/database.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';
import { temporaryDirectory } from '#testkit/running-service.ts';
import { createTcpProxy } from '#testkit/servers/tcp-proxy.ts';
import { operate } from '#testkit/commands/operate.ts';
import { contentOf } from './setup.ts';

const options = { withoutJobs: false };

const open = async (t: ExecutionContext, url: string): Promise<Database> => {
  const database = await createDatabase({ ...databaseSettings(url), entities });
  t.teardown(() => database.close());
  return database;
};

const universe = `insert into universe_bundle (name) values ('tech5')`;

/** A database with one row, its export as text, and an empty database. */
const setup = async (t: ExecutionContext) => {
  const source = await setupDatabase(t);
  const target = await setupDatabase(t);
  await source.query(universe);
  const directory = temporaryDirectory(t);
  const file = join(directory, 'export');
  const from = await open(t, source.url);
  const counts = await from.transfer.exportTo(file, options);
  const lines = await text(createReadStream(file).pipe(createGunzip()));
  const into = await open(t, target.url);
  const importText = (changed: string) => {
    const other = join(directory, 'changed');
    writeFileSync(other, gzipSync(changed));
    return into.transfer.importFrom(other);
  };
  return { source, target, directory, file, counts, lines, from, into, importText };
};

test('an export has every table of the schema', async (t) => {
  const { source, counts } = await setup(t);
  t.deepEqual(Object.keys(counts).sort(), Object.keys(await contentOf(source)).sort());
});

test('a file that is incomplete, changed or no export is refused, and the database is unchanged', async (t) => {
  const { target, directory, file, lines, into, importText } = await setup(t);
  const before = await contentOf(target);
  const end = lines.lastIndexOf('-- Volwatch end');
  const cases: readonly (readonly [changed: string, message: RegExp])[] = [
    ['', /no end: it is incomplete/],
    ['select 1;\n', /not an export of Volwatch/],
    [lines.slice(0, end), /no end: it is incomplete/],
    [lines.slice(0, end - 5), /incomplete/],
    [lines.replace('tech5\n', ''), /0 of 1 rows of universe_bundle: it is incomplete/],
    [lines.replace('tech5\n', 'tech5\ntech6\n'), /2 of 1 rows of universe_bundle/],
    [lines.replace('"universe_bundle"', '"universe_bundles"'), /unknown table or column: universe_bundles/],
    [lines.replace('COPY "universe_bundle" ("name")', 'COPY "universe_bundle" ("title")'), /universe_bundle title/],
    [lines.replace('COPY "universe_bundle"', 'drop table universe_bundle; COPY "universe_bundle"'), /neither a table/],
    [lines.replace('"format":1', '"format":2'), /format 2 of the export is not known/],
  ];
  for (const [changed, message] of cases) await t.throwsAsync(importText(changed), { message });
  const damaged = join(directory, 'damaged');
  writeFileSync(damaged, readFileSync(file).subarray(0, -20));
  await t.throwsAsync(into.transfer.importFrom(damaged), { message: /not an export of Volwatch, or it is damaged/ });
  writeFileSync(damaged, 'text');
  await t.throwsAsync(into.transfer.importFrom(damaged), { message: /not an export of Volwatch, or it is damaged/ });
  await t.throwsAsync(into.transfer.importFrom(join(directory, 'missing')), { code: 'ENOENT' });
  t.deepEqual(await contentOf(target), before);
  t.like(await into.transfer.importFrom(file), { universe_bundle: 1 });
});

test('a damaged file is refused by a slow database too', async (t) => {
  const { target, directory, file } = await setup(t);
  const url = new URL(target.url);
  const proxy = await createTcpProxy({ target: { host: url.hostname, port: Number(url.port) } });
  t.teardown(() => proxy.close());
  url.port = String(proxy.port);
  const into = await open(t, url.href);
  const damaged = join(directory, 'damaged');
  writeFileSync(damaged, readFileSync(file).subarray(0, -20));
  // The file is unpacked before the database has answered.
  proxy.latency(100);
  await t.throwsAsync(into.transfer.importFrom(damaged), { message: /not an export of Volwatch, or it is damaged/ });
});

test('an export of another version and a database with rows are refused with what to do', async (t) => {
  const { target, file, lines, into, importText } = await setup(t);
  const [, last] = /"([^"]+)"\]/.exec(lines) ?? [];
  await t.throwsAsync(importText(lines.replace(`"${last}"]`, `"${last}","9999-later"]`)), {
    message: /newer version \(9999-later\): import it with that version/,
  });
  await t.throwsAsync(importText(lines.replace(`,"${last}"]`, ']')), {
    message: new RegExp(`older version \\(without ${last}\\): run npm run db:migrate`),
  });
  await target.query(`insert into universe_bundle (name) values ('sp500')`);
  await t.throwsAsync(into.transfer.importFrom(file), { message: /has rows already \(universe_bundle\): import into/ });
});

test('waiting jobs and an existing file are refused, because an export has no jobs', async (t) => {
  const { source, directory, file, from } = await setup(t);
  await t.throwsAsync(from.transfer.exportTo(file, options), { code: 'EEXIST' });
  await source.query(`create schema pgboss create table job (name text, state text)`);
  await source.query(
    `insert into pgboss.job values ('pricing', 'active'), ('mail', 'active'), ('refresh', 'completed')`,
  );
  const other = join(directory, 'other');
  await t.throwsAsync(from.transfer.exportTo(other, options), { message: /Jobs wait or run: 1 of pricing\./ });
  t.false(existsSync(other) || existsSync(`${other}.partial`));
  t.like(await from.transfer.exportTo(other, { withoutJobs: true }), { universe_bundle: 1 });
});

test('a role that cannot read the job queue is told which role can', async (t) => {
  const { source, directory } = await setup(t);
  const name = `owner_${randomBytes(6).toString('hex')}`;
  await source.query(`create role ${name} login password 'own'`);
  t.teardown(async () => {
    await source.query(`drop owned by ${name}`);
    await source.query(`drop role ${name}`);
  });
  await source.query(`create schema pgboss create table job (name text, state text)`);
  await source.query(`grant select on all tables in schema public to ${name}`);
  const url = new URL(source.url);
  url.username = name;
  url.password = 'own';
  const { transfer } = await open(t, url.href);
  const other = join(directory, 'other');
  await t.throwsAsync(transfer.exportTo(other, options), { message: /cannot read the job queue \(schema pgboss\)/ });
  t.like(await transfer.exportTo(other, { withoutJobs: true }), { universe_bundle: 1 });
  await source.query(`grant pg_read_all_data to ${name}`);
  await t.notThrowsAsync(transfer.exportTo(`${other}-complete`, options));
});

test('a command line that is not understood is refused before the database is used', async (t) => {
  const unused = 'postgres://nobody@127.0.0.1:1/none';
  for (const words of [['export'], ['import'], ['export', 'a', 'b'], ['import', 'a', '--without-jobs']]) {
    const { code, stderr } = await operate({ url: unused }, 'db.ts', ...words);
    t.is(code, 64, stderr);
    t.regex(stderr, /usage: npm run db:migrate/);
  }
});
