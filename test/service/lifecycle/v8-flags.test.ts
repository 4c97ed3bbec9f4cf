import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import test from 'ava';

/** Files that set flags of V8, at the start of a process or in it. V8 ignores a name that it does not know. */
const files = ['package.json', 'src/garbage-collection.ts', 'src/pricing/workers/worker-process.ts'];
const flag = /--((?:max|heap|external|expose)-[a-z-]+)/g;

test('V8 of this Node knows each flag that is set', async (t) => {
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  const names = new Set(texts.flatMap((text) => [...text.matchAll(flag)].map(([, name]) => name!)));
  t.true(names.size >= 4, [...names].join(' '));
  const { stdout } = await promisify(execFile)(process.execPath, ['--v8-options'], { maxBuffer: 2 ** 22 });
  const unknown = [...names].filter((name) => !new RegExp(`--${name}[ \\s]`).test(stdout));
  t.deepEqual(unknown, []);
});
