import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { url } from './service.ts';

const run = promisify(execFile);

/** Compiles the code of a page, runs it, and returns what it printed. */
const runPage = async (page: string): Promise<string> => {
  const text = readFileSync(page, 'utf8');
  const blocks = [...text.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code]) => code!);
  // Ignored by git. In the package, so that its name resolves to the built package.
  mkdirSync('test/generated', { recursive: true });
  const file = `test/generated/${basename(page, '.md').toLowerCase()}.ts`;
  writeFileSync(file, blocks.join('\n').replace('http://127.0.0.1:3000', url));
  const strict = ['--strict', '--exactOptionalPropertyTypes', '--module', 'nodenext', '--target', 'es2023'];
  const libraries = ['--lib', 'es2023,dom,dom.iterable', '--types', 'node'];
  await run('node_modules/.bin/tsc', ['--noEmit', '--skipLibCheck', 'false', ...strict, ...libraries, file]);
  const { stdout } = await run(process.execPath, [file]);
  return stdout;
};

test.serial('the code of the README compiles and runs', async (t) => {
  const printed = await runPage('README.md');
  t.regex(printed, /^succeeded$/m);
  t.regex(printed, /^validation_failed validation strike must be at least/m);
  t.regex(printed, /^1332 days$/m);
  t.regex(printed, /^1332 rows$/m);
  t.regex(printed, /^2 prices stored$/m);
});

test.serial('the code of the quick start compiles and prints what the page says', async (t) => {
  const page = '../../docs/quickstart-typescript.md';
  const withoutCode = readFileSync(page, 'utf8').replaceAll(/^```\w+\n[^]*?^```$/gm, '');
  const [, expected = ''] = /^```\n([^]*?)^```$/m.exec(withoutCode) ?? [];
  t.is(await runPage(page), expected);
});
