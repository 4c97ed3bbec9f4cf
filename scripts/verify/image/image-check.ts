/**
 * Lints the Dockerfile, builds the image with podman, and checks what is in it and that it runs. Needs Debian's podman,
 * runc and debootstrap and the rights of root: a base image that cannot be pulled is replaced by a stand-in of Debian's
 * packages. `--lint` only lints.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { requirePython } from '../../support/python.ts';
import { contentFaults } from './contents.ts';
import { run, runOptions } from './podman.ts';
import { checkRunning } from './running.ts';
import { ensureBase } from './stand-in.ts';

const hadolint = (): string => {
  const environment = resolve('.tools/hadolint');
  const requirements = 'tools/hadolint/requirements.txt';
  const marker = join(environment, '.installed');
  const wanted = readFileSync(requirements, 'utf8');
  if (!existsSync(marker) || readFileSync(marker, 'utf8') !== wanted) {
    run(requirePython(), ['-m', 'venv', environment]);
    run(join(environment, 'bin/pip'), ['install', '--quiet', '--requirement', requirements]);
    writeFileSync(marker, wanted);
  }
  return join(environment, 'bin/hadolint');
};

const ends: (() => unknown)[] = [];
try {
  run(hadolint(), ['Dockerfile']);
  console.log('hadolint: no fault');
  if (!process.argv.includes('--lint')) {
    const bases = [...readFileSync('Dockerfile', 'utf8').matchAll(/^FROM (\S+?)(?:@\S+)?(?: AS .*)?$/gm)];
    for (const base of new Set(bases.map(([, image]) => image!))) {
      console.log(`${base}: ${ensureBase(base) ? 'a stand-in of Debian packages' : 'the official image'}`);
    }
    const commit = execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
    const image = 'localhost/volwatch:image-check';
    const started = performance.now();
    const labels = ['--build-arg', `GIT_COMMIT=${commit}`, '--build-arg', 'VERSION=0.0.0-check'];
    run('podman', ['build', ...runOptions, '--network', 'host', '--tag', image, ...labels, '.']);
    console.log(`built in ${Math.round((performance.now() - started) / 1_000)} s`);
    const { faults, megabytes } = contentFaults(image, commit);
    for (const fault of faults) console.error(fault);
    if (faults.length > 0) process.exitCode = 1;
    console.log(`contents: ${faults.length} faults, ${megabytes} MB`);
    await checkRunning({ teardown: (end) => void ends.push(end) }, image, commit);
    console.log('the image runs read-only, without capabilities, as uid 1000');
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  for (const end of ends.toReversed()) await end();
}
