import { execFile } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import anyTest from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, serve, temporaryDirectory } from '#testkit/running-service.ts';
import { startService } from '#testkit/service.ts';

/** One start after the other, because many at once take longer than a start may take. */
const test = anyTest.serial;

type Refused = { readonly status: number; readonly lines: readonly string[] };

/** Exit status and stderr of a start that fails. */
const refusedStart = async (environment: Record<string, string | undefined>): Promise<Refused> => {
  const service = await startService({ environment }).catch((error: unknown) => String(error));
  if (typeof service !== 'string') {
    await service.stop();
    throw new Error('it started');
  }
  const [, status = '', text = ''] = /the service ended first \((\d+)\): ([\s\S]*)$/.exec(service) ?? [];
  return { status: Number(status), lines: text.trimEnd().split('\n') };
};

for (const [host, url] of [
  ['::', 'http://[::1]:'],
  ['::1', 'http://[::1]:'],
  ['0.0.0.0', 'http://127.0.0.1:'],
  ['localhost', 'http://localhost:'],
] as const) {
  test(`HOST=${host}: it listens, and log, banner and metadata have URLs that answer`, async (t) => {
    const database = await setupDatabase(t);
    const service = await serve(t, { HOST: host, METRICS_HOST: host, DATABASE_URL: database.url });
    await service.ready();
    t.true(service.url.startsWith(url), service.url);
    t.true(service.adminUrl.startsWith(url), service.adminUrl);
    t.is((await call(`${service.url}/health/live`)).status, 200);
    t.is((await call(`${service.adminUrl}/metrics`)).status, 200);
    await service.logged(({ message }) => message === 'started');
    await eventually(() => service.stderr().includes('Ctrl-C stops it'), 'the banner is printed');
    t.true(service.stderr().includes(`API      ${service.url}/api/v1 `), service.stderr());
    t.true(service.stderr().includes(`metrics  ${service.adminUrl}/metrics`));
    const { body } = await call(`${service.url}/.well-known/oauth-authorization-server`);
    t.true(URL.canParse(String(body['token_endpoint'])));
    if (host === '::') t.is((await call(`http://127.0.0.1:${new URL(service.url).port}/health/live`)).status, 200);
  });
}

test('an address that this machine does not have: one line that names HOST, status 78', async (t) => {
  const database = await setupDatabase(t);
  const fixed = { DATABASE_URL: database.url, VOLWATCH_DIRECTORY: temporaryDirectory(t) };
  const api = await refusedStart({ ...fixed, HOST: '203.0.113.7', PORT: '3999' });
  t.deepEqual(api, {
    status: 78,
    lines: ['Cannot listen on 203.0.113.7:3999 (HOST): this machine does not have the address'],
  });
  const admin = await refusedStart({ ...fixed, METRICS_HOST: '2001:db8::7', METRICS_PORT: '3999' });
  t.deepEqual(admin, {
    status: 78,
    lines: ['Cannot listen on [2001:db8::7]:3999 (METRICS_HOST): this machine does not have the address'],
  });
});

test('a cron that no calendar has, and an origin with a slash at its end: one line for each, status 78', async (t) => {
  const { status, lines } = await refusedStart({
    RETENTION_SCHEDULE: '99 3 * * *',
    CORS_ORIGINS: 'https://app.example/',
    VOLWATCH_DIRECTORY: temporaryDirectory(t),
  });
  t.is(status, 78);
  t.is(lines.length, 3);
  t.regex(lines[1]!, /^ {2}CORS_ORIGINS must list origins such as https:\/\/app\.example .*no slash at the end/);
  t.regex(lines[2]!, /^ {2}RETENTION_SCHEDULE must be a five-field cron such as 30 3 \* \* \*/);
});

test('a key file that cannot be read or is damaged: one line that names the file and what to do, status 78', async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'jwt-signing-key.pem');
  const environment = { VOLWATCH_DIRECTORY: directory, DATABASE_URL: 'postgres://127.0.0.1:1/none' };
  mkdirSync(file);
  const unreadable = await refusedStart(environment);
  t.is(unreadable.status, 78);
  t.is(unreadable.lines.length, 1);
  t.true(unreadable.lines[0]!.startsWith(`VOLWATCH_DIRECTORY: cannot use ${file}, because it is a directory`));

  rmSync(file, { recursive: true });
  writeFileSync(file, 'canary-half-a-key');
  const damaged = await refusedStart(environment);
  t.is(damaged.status, 78);
  t.is(damaged.lines.length, 2);
  t.true(damaged.lines[1]!.startsWith(`  ${file} (delete it, and the next start makes a new key) must be`));
  t.false(damaged.lines[1]!.includes('canary'));
});

test('a data directory that cannot be used: one line that names it and the variable, status 78', async (t) => {
  const root = temporaryDirectory(t);
  const file = join(root, 'a-file');
  writeFileSync(file, '');
  for (const directory of [join(file, 'data'), join(root, 'x'.repeat(300))]) {
    const { status, lines } = await refusedStart({ VOLWATCH_DIRECTORY: directory });
    t.is(status, 78);
    t.is(lines.length, 1, lines.join('\n'));
    t.true(lines[0]!.startsWith(`VOLWATCH_DIRECTORY: cannot use ${directory}`), lines[0]);
    t.regex(lines[0]!, /Change the path, or set VOLWATCH_DIRECTORY/);
  }
});

test('a database directory of another user: one line that names both users, status 78', async (t) => {
  const directory = temporaryDirectory(t);
  const data = join(directory, 'postgres', 'data');
  mkdirSync(data, { recursive: true });
  writeFileSync(join(directory, 'postgres', 'password'), 'a-password');
  const other = 54_321;
  if (process.getuid?.() !== 0) {
    // Only root can give a directory away. Without it, an unreadable directory is what another user's looks like.
    chmodSync(join(directory, 'postgres'), 0);
    t.teardown(() => chmodSync(join(directory, 'postgres'), 0o700));
  } else chownSync(data, other, other);
  const { status, lines } = await refusedStart({ VOLWATCH_DIRECTORY: directory });
  t.is(status, 78, lines.join('\n'));
  t.is(lines.length, 1, lines.join('\n'));
  t.regex(lines[0]!, /^VOLWATCH_DIRECTORY: /);
  if (process.getuid?.() === 0) t.true(lines[0]!.includes(`${data} belongs to user ${other}`), lines[0]);
});

test('npm start before npm ci: the first line says what to do, status 78, no stack', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'volwatch-not-installed-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  copyFileSync('package.json', join(folder, 'package.json'));
  const { status, stderr } = await new Promise<{ status: unknown; stderr: string }>((resolve) => {
    const environment = { PATH: process.env['PATH'], HOME: folder };
    execFile('npm', ['start'], { cwd: folder, env: environment }, (error, _, text) =>
      resolve({ status: error?.code, stderr: text }),
    );
  });
  t.is(status, 78);
  t.is(stderr.split('\n')[0], 'Volwatch is not installed in this folder: run npm ci, then npm start');
  t.notRegex(stderr, /\n\s+at /);
});
