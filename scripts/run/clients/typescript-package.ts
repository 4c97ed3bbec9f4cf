import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ClientPackage } from './client-package.ts';

const folder = resolve('clients/typescript');
const lockfile = join(folder, 'package-lock.json');
/** The state of package-lock.json that node_modules was installed from. */
const stamp = join(folder, 'node_modules/.installed-package-lock.json');

const install = (): void => {
  const wanted = readFileSync(lockfile, 'utf8');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] });
  writeFileSync(stamp, wanted);
};

const node = process.execPath;
const tsc = [node, 'node_modules/typescript/bin/tsc'] as const;

/** Writes the OpenAPI document of the service to openapi.json. */
const download = `
  const response = await fetch(process.env.VOLWATCH_URL + '/openapi.json');
  require('node:fs').writeFileSync('openapi.json', Buffer.from(await response.arrayBuffer()));`;

/**
 * `clients/typescript`: types from the OpenAPI document of the service, build, tests of the built package, and the files
 * that would be published.
 */
export const typescriptPackage = (): ClientPackage => ({
  folder,
  install,
  commands: [
    [node, '--eval', `(async () => {${download}})()`],
    [node, 'node_modules/openapi-typescript/bin/cli.js', 'openapi.json', '--output', 'src/generated/api.ts'],
    [node, '--eval', "require('node:fs').rmSync('dist', { recursive: true, force: true })"],
    [...tsc, '--project', 'tsconfig.build.json'],
    [...tsc, '--project', '.'],
    [node, 'node_modules/ava/entrypoints/cli.js'],
    ['npm', 'pack', '--dry-run'],
  ],
});
