/**
 * `npm run mutations`: inserts one regression at a time in a copy of the repository and runs the suite that must detect
 * it. A suite that still passes has a gap. The results are written to docs/mutations.md.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { table } from '../generate/markdown.ts';

type Mutation = {
  readonly name: string;
  readonly file: string;
  /** Must occur in the file exactly once. */
  readonly from: string;
  readonly to: string;
  readonly suite: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
};

const mutations: readonly Mutation[] = [
  {
    name: 'a refresh that commits what it wrote before it failed',
    file: 'src/database/unit-of-work.ts',
    from: "await connection.query('rollback').catch(",
    to: "await connection.query('commit').catch(",
    suite: ['scripts/run/histories.ts'],
    environment: { HISTORIES: '60', SECONDS: '90', SEED: '1' },
  },
  {
    name: 'Redis commands without a timeout',
    file: 'src/redis/client.ts',
    from: `  commandTimeout: commandTimeoutMs,
  // This timer runs only while an answer is awaited. If the server hangs, only the first command waits.
  socketTimeout: commandTimeoutMs,
`,
    to: '',
    suite: ['scripts/run/chaos.ts', 'redis', 'black hole'],
  },
  {
    name: 'a limiter without its fallback',
    file: 'src/rate-limit/counters.ts',
    from: `          fallBack(redis, error);
        }`,
    to: `          fallBack(redis, error);
          throw error;
        }`,
    suite: ['scripts/run/chaos.ts', 'redis', 'black hole'],
  },
  {
    name: 'a breaker that never closes',
    file: 'src/resilience/breaker.ts',
    from: 'if (probing || retryInMs() > 0) return undefined;',
    to: 'if (!probing) return undefined;',
    suite: ['scripts/run/chaos.ts', 'twelve_data', 'server error'],
  },
  {
    name: 'an alert on a metric that nobody emits',
    file: 'alerts/rules/causes.yml',
    from: 'expr: volwatch_dependency_up{job="volwatch",dependency="postgres"} == 0',
    to: 'expr: volwatch_postgres_up{job="volwatch"} == 0',
    suite: ['scripts/test.ts', 'test/operations/alerts.test.ts'],
  },
];

const root = resolve('.');
const copies = [
  'src',
  'test',
  'scripts',
  'load',
  'alerts',
  'dashboards',
  'docs',
  'tools',
  'package.json',
  'ava.config.js',
  'slo.yaml',
];

const copyOfRepository = (): string => {
  const directory = mkdtempSync(join(tmpdir(), 'volwatch-mutation-'));
  for (const name of copies) cpSync(join(root, name), join(directory, name), { recursive: true });
  for (const name of ['node_modules', '.tools']) symlinkSync(join(root, name), join(directory, name));
  return directory;
};

const plant = (directory: string, { file, from, to }: Mutation): void => {
  const path = join(directory, file);
  const text = readFileSync(path, 'utf8');
  if (text.split(from).length !== 2) throw new Error(`${file} does not hold ${JSON.stringify(from)} exactly once`);
  writeFileSync(path, text.replace(from, to));
};

const run = (
  directory: string,
  { suite, environment = {} }: Mutation,
): { readonly noticed: boolean; readonly said: string } => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...suite], {
    cwd: directory,
    env: { ...process.env, ...environment },
    encoding: 'utf8',
    timeout: 240_000,
  });
  const lines = `${stdout}\n${stderr}`.split('\n').map((line) => line.trim());
  const said = lines.find((line) => /FAILED|no single refresh|reported undone|\[fail\]|✘/.test(line)) ?? '';
  return { noticed: status !== 0 && said !== '', said };
};

const rows = [];
let holes = 0;
for (const mutation of mutations) {
  const directory = copyOfRepository();
  try {
    plant(directory, mutation);
    const { noticed, said } = run(directory, mutation);
    if (!noticed) holes += 1;
    const command = `node ${mutation.suite.join(' ')}`;
    console.log(`${noticed ? 'noticed' : 'MISSED '} ${mutation.name} (${command}): ${said}`);
    rows.push([
      mutation.name,
      `\`${mutation.file}\``,
      `\`${command}\``,
      noticed ? 'noticed' : '**missed**',
      said.replaceAll(/^\W+/g, '').slice(0, 140),
    ]);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
writeFileSync(
  'docs/mutations.md',
  `# Planted regressions

\`npm run mutations\` plants each of these in a copy of the repository and runs the suite that must notice. This table is
what its last run wrote.

${table(['regression', 'planted in', 'suite', 'result', 'what it said first'], rows)}
`,
);
process.exitCode = holes > 0 ? 1 : 0;
