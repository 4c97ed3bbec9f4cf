import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';
import { configVariables } from '#src/config/variables.ts';
import { startArguments } from '#testkit/service.ts';
import { faultsOf } from './faults-of.ts';

/** Values that people set by mistake. Each setting must refuse at least three of them. */
const wrongValues = [
  'no value of a setting!',
  '\u0001',
  ' ',
  '-1',
  '1.5',
  '1e99',
  '99999999999999999999',
  'yes',
  'two\nlines',
  '://',
  'http://',
  'x'.repeat(5_000),
];

/** The faults that name the setting. */
const ownFaults = (name: string, value: string): string[] =>
  faultsOf({ [name]: value }).filter((fault) => fault.startsWith(`${name} `));
const isRefused = (name: string, value: string): boolean => ownFaults(name, value).length > 0;

/** The values of each setting that it refuses, with its faults. It is made once, because each value is a whole configuration. */
const refusals = new Map(
  Object.keys(configVariables).map((name) => [
    name,
    wrongValues.map((value) => ({ value, faults: ownFaults(name, value) })).filter(({ faults }) => faults.length > 0),
  ]),
);

for (const [name, refused] of refusals) {
  test(`${name}: at least three wrong values are refused, in one line each that has the name and not the value`, (t) => {
    t.true(refused.length >= 3, `only ${refused.length} of ${wrongValues.length} wrong values are refused`);
    for (const { value, faults } of refused) {
      t.is(faults.length, 1);
      t.regex(faults[0]!, /^\S+ (\(entry \d+\) )?(must|may|is|has) [^\n]{4,}$/);
      if (value.trim().length > 8) t.false(faults[0]!.includes(value));
    }
  });
}

type Ended = { readonly status: number | null; readonly stderr: string };

const start = async (environment: Readonly<Record<string, string>>): Promise<Ended> => {
  const child = spawn(process.execPath, startArguments, {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, stderr };
};

for (const attempt of [0, 1, 2]) {
  test(`a start with a wrong value of every setting names each in one line, without a stack, status 78 (${attempt})`, async (t) => {
    const names = Object.keys(configVariables);
    const { status, stderr } = await start(
      Object.fromEntries(names.map((name) => [name, refusals.get(name)?.[attempt]?.value ?? 'missing'])),
    );
    t.is(status, 78, stderr);
    const lines = stderr.trimEnd().split('\n');
    t.regex(lines[0]!, /^The configuration has \d+ faults:$/);
    t.deepEqual(
      names.filter((name) => lines.filter((line) => line.startsWith(`  ${name} `)).length !== 1),
      [],
    );
    t.deepEqual(
      lines.slice(1).filter((line) => !/^ {2}[A-Z][A-Z0-9_]+ \S/.test(line)),
      [],
    );
  });
}

test('a schedule that no calendar has is refused, and usual ones are accepted', (t) => {
  for (const wrong of ['99 5 * * *', '0 24 * * *', '0 0 31 2 *', '0 5 * * 8', '*/0 * * * *', '0 5 * * * *', '@daily']) {
    t.true(isRefused('RETENTION_SCHEDULE', wrong), wrong);
    t.true(isRefused('REFRESH_SCHEDULES', `tech5=${wrong}`), wrong);
  }
  for (const right of ['30 3 * * *', '*/5 0-6,22 * * MON-FRI', '0 0 1 * *', '0 0 L * *']) {
    t.false(isRefused('RETENTION_SCHEDULE', right), right);
    t.false(isRefused('REFRESH_SCHEDULES', `tech5=${right}`), right);
  }
  // The job queue searches the schedule of each universe again and again, so it must run in each month.
  for (const rare of ['0 0 1 JAN *', '0 0 29 2 *']) {
    t.false(isRefused('RETENTION_SCHEDULE', rare), rare);
    t.true(isRefused('REFRESH_SCHEDULES', `tech5=${rare}`), rare);
  }
});

test('REFRESH_SCHEDULES without an entry, or with two of one universe, is refused', (t) => {
  for (const wrong of [' ', ';', ' ; ', 'tech5=0 5 * * *;tech5=0 6 * * *', 'tech5=0 5 * * *=x']) {
    t.true(isRefused('REFRESH_SCHEDULES', wrong), wrong);
  }
  for (const right of ['', 'tech5=0 5 * * *;', 'tech5=0 5 * * *;sp500=30 5 * * 1-5']) {
    t.false(isRefused('REFRESH_SCHEDULES', right), right);
  }
});

test('HOST and METRICS_HOST take addresses and names', (t) => {
  for (const right of ['::', '::1', '0.0.0.0', '127.0.0.1', 'localhost', 'db-1.internal', 'fe80::1%eth0']) {
    t.false(isRefused('HOST', right), right);
    t.false(isRefused('METRICS_HOST', right), right);
  }
  for (const wrong of ['[::1]', '127.0.0.1:3000', 'http://localhost', '300.1.1.1', 'a b', '*']) {
    t.true(isRefused('HOST', wrong), wrong);
  }
});
