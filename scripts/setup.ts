/**
 * Installs the programs that the tests need in addition to npm packages with the package manager of the system:
 * redis-server, Chromium, PostgreSQL, PgBouncer and Python. `npm run setup` skips installed programs, and prints
 * instructions if it cannot install one.
 */
import { spawnSync } from 'node:child_process';
import { findPgBouncer, findSystemPostgres } from '#testkit/servers/programs.ts';
import { findPython } from './support/python.ts';
import { onPath } from './support/on-path.ts';

type Need = {
  readonly program: string;
  readonly isThere: () => boolean;
  readonly packages: Record<string, string>;
};

const needs: readonly Need[] = [
  {
    program: 'redis-server',
    isThere: () => ['redis-server', 'valkey-server'].some(onPath),
    packages: { 'apt-get': 'redis-server', dnf: 'redis', apk: 'redis', brew: 'redis', pacman: 'redis' },
  },
  {
    program: 'chromium',
    isThere: () => ['chromium', 'chromium-browser', 'google-chrome'].some(onPath),
    packages: { 'apt-get': 'chromium', dnf: 'chromium', apk: 'chromium', brew: 'chromium', pacman: 'chromium' },
  },
  {
    // In addition to the one from npm, because its messages are translated.
    program: 'postgresql',
    isThere: () => findSystemPostgres() !== undefined,
    packages: {
      'apt-get': 'postgresql',
      dnf: 'postgresql-server',
      apk: 'postgresql',
      brew: 'postgresql',
      pacman: 'postgresql',
    },
  },
  {
    program: 'openssl',
    isThere: () => onPath('openssl'),
    packages: { 'apt-get': 'openssl', dnf: 'openssl', apk: 'openssl', brew: 'openssl', pacman: 'openssl' },
  },
  {
    // For the Python client package, with the module venv.
    program: 'python3',
    isThere: () => findPython() !== undefined,
    packages: { 'apt-get': 'python3-venv', dnf: 'python3', apk: 'python3', brew: 'python', pacman: 'python' },
  },
  {
    program: 'pgbouncer',
    isThere: () => findPgBouncer() !== undefined,
    packages: {
      'apt-get': 'pgbouncer',
      dnf: 'pgbouncer',
      apk: 'pgbouncer',
      brew: 'pgbouncer',
      pacman: 'pgbouncer',
    },
  },
];

const installs: Record<string, readonly string[]> = {
  'apt-get': ['install', '-y', '--no-install-recommends'],
  dnf: ['install', '-y'],
  apk: ['add'],
  brew: ['install'],
  pacman: ['-S', '--noconfirm'],
};

const run = (command: string, args: readonly string[]): boolean => {
  console.log(`$ ${[command, ...args].join(' ')}`);
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  return spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], env: environment }).status === 0;
};

const missing = needs.filter(({ isThere }) => !isThere());
for (const { program } of needs.filter((need) => !missing.includes(need))) console.log(`${program}: there`);

const manager = Object.keys(installs).find(onPath);
const prefix = process.getuid?.() === 0 || manager === 'brew' ? [] : onPath('sudo') ? ['sudo', '-n'] : undefined;

const install = (need: Need): boolean => {
  if (manager === undefined || prefix === undefined) return false;
  const [command, ...rest] = [...prefix, manager, ...installs[manager]!, need.packages[manager]!];
  return run(command, rest);
};

if (missing.length > 0 && manager === 'apt-get' && prefix !== undefined) {
  const [command, ...rest] = [...prefix, 'apt-get', 'update', '-qq'];
  run(command, rest);
}
const failed = missing.filter((need) => !install(need));
for (const { program, packages } of failed) {
  console.error(
    `${program} is missing and could not be installed here. Install it with your package manager ` +
      `(Debian and Ubuntu: sudo apt-get install ${packages['apt-get']}; macOS: brew install ${packages['brew']}) and run this again.`,
  );
}
process.exitCode = failed.length > 0 ? 1 : 0;
