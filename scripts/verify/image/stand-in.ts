import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { podman, run } from './podman.ts';

const root = resolve('.tools/image/debian');

const pathOf = (program: string): string => {
  const { stdout } = spawnSync('which', [program], { encoding: 'utf8' });
  if (stdout.trim() === '') throw new Error(`${program} is missing: apt-get install ${program}`);
  return realpathSync(stdout.trim());
};

/** A Debian with the Node of the tests and the npm of this machine, where the official image has them. */
const makeRoot = (): void => {
  mkdirSync(root, { recursive: true });
  if (!existsSync(join(root, 'var/lib/dpkg/status'))) run('debootstrap', ['--variant=minbase', 'bookworm', root]);
  copyFileSync(process.execPath, join(root, 'usr/local/bin/node'));
  const npm = dirname(dirname(pathOf('npm')));
  cpSync(npm, join(root, 'usr/local/lib/node_modules/npm'), { recursive: true });
  rmSync(join(root, 'usr/local/bin/npm'), { force: true });
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm'));
  // npm in the build must trust what npm trusts here.
  const authorities = process.env['NODE_EXTRA_CA_CERTS'];
  if (authorities !== undefined && authorities !== '') {
    mkdirSync(join(root, 'etc/ssl'), { recursive: true });
    copyFileSync(authorities, join(root, 'etc/ssl/build-authorities.pem'));
    mkdirSync(join(root, 'usr/local/etc'), { recursive: true });
    writeFileSync(join(root, 'usr/local/etc/npmrc'), 'cafile=/etc/ssl/build-authorities.pem\n');
  }
  if (!existsSync(join(root, 'home/node'))) run('chroot', [root, 'useradd', '--uid', '1000', '--create-home', 'node']);
};

/**
 * Makes sure that the base image exists. Without a registry it is made from Debian's packages under the same name.
 * @returns whether it is a stand-in
 */
export const ensureBase = (image: string): boolean => {
  const label = 'io.volwatch.stand-in';
  const name = `docker.io/library/${image}`;
  if (podman(['image', 'exists', name]).status !== 0 && podman(['pull', '--quiet', name]).status !== 0) {
    makeRoot();
    const path = 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
    const script = `tar -C "$1" -c . | podman import --quiet -c "$2" -c 'LABEL ${label}=true' - "$3"`;
    run('sh', ['-c', script, 'sh', root, path, name]);
  }
  return podman(['image', 'inspect', '--format', `{{index .Labels "${label}"}}`, name]).stdout.trim() === 'true';
};
