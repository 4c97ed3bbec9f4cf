import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import test from 'ava';

const optionsIn = (text: string, option: RegExp): readonly string[] =>
  [...text.matchAll(option)].map(([, name]) => name!);

// `setFlagsFromString` throws no error for a name that V8 does not know.
test('V8 or Node knows each flag that the start, the service and its pricing processes set', async (t) => {
  const calls = /setFlagsFromString\('--(?:no-)?([a-z0-9-]+)/g;
  const texts = await Promise.all(globSync('src/**/*.ts').map((file) => readFile(file, 'utf8')));
  const pricingProcess = await readFile('src/pricing/workers/worker-process.ts', 'utf8');
  const { scripts } = JSON.parse(await readFile('package.json', 'utf8')) as {
    readonly scripts: { readonly start: string };
  };
  const names = new Set([
    ...texts.flatMap((text) => optionsIn(text, calls)),
    ...optionsIn(pricingProcess, /['`]--([a-z0-9-]+)/g),
    ...optionsIn(scripts.start, / --([a-z0-9-]+)/g),
  ]);
  for (const name of ['external-memory-accounted-in-global-limit', 'heap-growing-percent', 'max-old-space-size']) {
    t.true(names.has(name), name);
  }
  const { stdout } = await promisify(execFile)(process.execPath, ['--v8-options'], { maxBuffer: 2 ** 22 });
  const isKnown = (name: string): boolean =>
    new RegExp(`--${name}\\s`).test(stdout) || process.allowedNodeEnvironmentFlags.has(`--${name}`);
  t.deepEqual(
    [...names].filter((name) => !isKnown(name)),
    [],
  );
});
