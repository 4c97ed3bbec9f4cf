/**
 * Compares the versions in the shipped files (Dockerfile, docker-compose.yml, .github, docs) with the tested versions
 * (package-lock.json). `--release` also requires a digest for every image. `--images` lists the images and checks
 * nothing.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { imagesOf, versionFaults, type VersionFiles } from '../verify/versions.ts';

const under = (directory: string): string[] =>
  existsSync(directory)
    ? readdirSync(directory, { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.(md|ya?ml)$/.test(name))
        .map((name) => join(directory, name))
    : [];

const files: VersionFiles = Object.fromEntries(
  ['package-lock.json', 'Dockerfile', 'docker-compose.yml', ...under('.github'), ...under('docs')].map((path) => [
    path,
    readFileSync(path, 'utf8'),
  ]),
);

if (process.argv.includes('--images')) {
  for (const image of new Set(imagesOf(files).map((each) => each.image))) console.log(image);
} else {
  const faults = versionFaults(files, process.argv.includes('--release'));
  for (const fault of faults) console.error(fault);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
