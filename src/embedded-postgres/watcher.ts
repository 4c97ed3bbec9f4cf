/**
 * A separate program: `node watcher.ts HOME SERVICE_PID`. It stops the embedded PostgreSQL if the service ends without
 * a stop: killed, aborted or out of memory. The standard input is a pipe from the service. The operating system closes
 * it when the service ends for any reason, so the end of the input is the signal.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { commandOf, eventually, isAlive } from './embedded-postgres-host.ts';
import { holdInstanceLock, liveOwnerOf, ownerPidOf } from './instance-lock.ts';
import { readPidFile, stopServer } from './server-process.ts';
import { serverStopped, watching } from './watcher-messages.ts';

/** Max time until a server that was started right before the end of the service has written its pid file. */
const pidFileTimeoutMs = 3_000;

const [home = '', service = ''] = process.argv.slice(2);
const data = join(home, 'data');
const instanceLock = join(home, 'instance.lock');
const ownLock = join(home, 'watcher.lock');

let input = '';
/** The pid in the last message `serverIs`; the service sends one for each server that it starts. */
const reportedPid = (): number | undefined => {
  const pid = [...input.matchAll(/^server (\d+)$/gm)].at(-1)?.[1];
  return pid === undefined ? undefined : Number(pid);
};

const serverPid = (): number | undefined => {
  const pid = readPidFile(data)?.pid ?? reportedPid();
  return pid !== undefined && isAlive(pid) && commandOf(pid).includes(data) ? pid : undefined;
};

/**
 * True if a later service uses the directory, so the server belongs to it. This is possible only if the service ended
 * before this process was ready.
 */
const isTakenOver = (): boolean => {
  const owner = liveOwnerOf(instanceLock);
  return owner !== undefined && owner !== Number(service);
};

let ended = false;
process.stdin
  .setEncoding('utf8')
  .on('data', (text: string) => (input += text))
  .on('close', () => (ended = true));
// Signals of a terminal or a service manager to the group are for the service. This process ends after the service.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

const release = holdInstanceLock(ownLock);
process.stdout.on('error', () => {});
process.stdout.write(watching);
if (!ended) await new Promise((done) => process.stdin.once('close', done));
if (!input.endsWith(serverStopped) && !isTakenOver()) {
  await eventually(() => serverPid() !== undefined || isTakenOver(), pidFileTimeoutMs);
  const pid = serverPid();
  if (pid !== undefined && !isTakenOver()) await stopServer(pid);
  // A start waits for this process before it takes the lock, so the lock cannot be taken between the two steps.
  if (ownerPidOf(instanceLock) === Number(service)) rmSync(instanceLock, { force: true });
}
release();
process.exit(0);
