import { readFileSync } from 'node:fs';
import test from 'ava';
import { allocatorSettings, startArguments } from '#testkit/service.ts';

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly scripts: { readonly start: string } };
const settings = Object.entries(allocatorSettings).map(([name, value]) => `${name}=${value}`);

test('npm start, the image and the tests start the service with the same arguments and settings', (t) => {
  t.is(manifest.scripts.start, [...settings, 'node', ...startArguments].join(' '));
  const dockerfile = readFileSync('Dockerfile', 'utf8');
  t.true(dockerfile.includes(`CMD ${JSON.stringify(['node', ...startArguments]).replaceAll(',', ', ')}\n`));
  for (const setting of settings) t.true(dockerfile.includes(setting), setting);
});
