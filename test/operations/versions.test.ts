import { readFileSync } from 'node:fs';
import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { imagesOf, versionFaults, type VersionFiles } from '../../scripts/verify/versions.ts';

const files: VersionFiles = Object.fromEntries(
  ['package-lock.json', 'Dockerfile', 'docker-compose.yml'].map((path) => [path, readFileSync(path, 'utf8')]),
);
const changed = (path: string, before: RegExp, after: string): VersionFiles => {
  const text = files[path]!.replace(before, after);
  if (text === files[path]) throw new Error(`${path} does not hold ${before.source}`);
  return { ...files, [path]: text };
};

test('what is shipped is what is tested', (t) => {
  t.deepEqual(versionFaults(files, false), []);
  t.true(files['Dockerfile']!.includes(`node:${process.versions.node}-`), 'this test runs on the Node of the image');
});

test('the PostgreSQL of Compose is the one that the tests start', async (t) => {
  const { query } = await setupDatabase(t, { migrated: false });
  const [row] = await query('show server_version');
  const [version] = /^\d+\.\d+/.exec(String(row?.['server_version'])) ?? [];
  const shipped = imagesOf(files).filter(({ image }) => image.startsWith('postgres:'));
  t.is(shipped.length, 2);
  for (const { image } of shipped) t.true(image.startsWith(`postgres:${version}`), `${image}, tested ${version}`);
});

for (const [what, given, fault] of [
  [
    'another Node in the image',
    changed('Dockerfile', /node:24\.\d+\.\d+/, 'node:24.11.1'),
    /^Dockerfile: Node 24\.11\.1, but/,
  ],
  [
    'another Node in a workflow',
    { ...files, '.github/workflows/ci.yml': 'node-version: 24.1.0' },
    /^\.github\/workflows\/ci\.yml: Node/,
  ],
  [
    'another PostgreSQL',
    changed('docker-compose.yml', /postgres:18\.\d+/, 'postgres:18.1'),
    /^docker-compose\.yml: PostgreSQL 18\.1, but/,
  ],
  [
    'a floating tag',
    changed('docker-compose.yml', /redis:7\.4\.6-alpine/, 'redis:7-alpine'),
    /redis:7-alpine is not an exact patch/,
  ],
  [
    'no tag at all',
    changed('docker-compose.yml', /grafana\/loki:\S+/, 'grafana/loki'),
    /grafana\/loki is not an exact patch/,
  ],
  [
    'a service without memory limit',
    changed('docker-compose.yml', /\n +mem_limit: \S+/, ''),
    /^docker-compose\.yml: the service .+ has no mem_limit$/,
  ],
] as const) {
  test(`${what} is a fault that names the file`, (t) => {
    const faults = versionFaults(given, false);
    t.true(
      faults.some((each) => fault.test(each)),
      faults.join('\n'),
    );
  });
}

test('a release needs the digest of every image', (t) => {
  const faults = versionFaults(files, true);
  t.is(faults.length, imagesOf(files).length);
  const pinned = Object.fromEntries(
    Object.entries(files).map(([path, text]) => [
      path,
      imagesOf(files)
        .map(({ image }) => image)
        .reduce(
          (all, image) => all.replaceAll(new RegExp(`${image}(?!@)(?=\\s)`, 'g'), `${image}@sha256:${'a'.repeat(64)}`),
          text,
        ),
    ]),
  );
  t.deepEqual(versionFaults(pinned, true), []);
});
