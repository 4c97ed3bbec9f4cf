/**
 * A program of its own: `node watcher.ts HOME SERVICE_PID`. It stops the embedded PostgreSQL when the service is gone
 * without having stopped it: killed, aborted or out of memory. The operating system closes the service's end of our
 * standard input however the service ends, so the end of the input is the signal.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { commandOf, eventually, isAlive } from './embedded-postgres-host.ts';
import { holdInstanceLock, liveOwnerOf, ownerPidOf } from './instance-lock.ts';
import { readPidFile, stopServer } from './server-process.ts';
import { serverStopped, watching } from './watcher-messages.ts';

/** Time for a server that the service launched right before its end to write its pid file. */
const appearanceMs = 3_000;

const [home = '', service = ''] = process.argv.slice(2);
const data = join(home, 'data');
const instanceLock = join(home, 'instance.lock');
const ownLock = join(home, 'watcher.lock');

let said = '';
/** See `serverIs`. */
const toldPid = (): number | undefined => {
  const [, pid] = /^server (\d+)$/m.exec(said) ?? [];
  return pid === undefined ? undefined : Number(pid);
};

const serverPid = (): number | undefined => {
  const pid = readPidFile(data)?.pid ?? toldPid();
  return pid !== undefined && isAlive(pid) && commandOf(pid).includes(data) ? pid : undefined;
};

/** A later service holds the directory, so the server is its own. Possible only when the service ended before we were ready. */
const isTakenOver = (): boolean => {
  const owner = liveOwnerOf(instanceLock);
  return owner !== undefined && owner !== Number(service);
};

let ended = false;
process.stdin
  .setEncoding('utf8')
  .on('data', (text: string) => (said += text))
  .on('close', () => (ended = true));
// Signals to the group of a terminal or a service manager are for the service; we end after it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

const release = holdInstanceLock(ownLock);
process.stdout.on('error', () => {});
process.stdout.write(watching);
if (!ended) await new Promise((done) => process.stdin.once('close', done));
if (!said.endsWith(serverStopped) && !isTakenOver()) {
  await eventually(() => serverPid() !== undefined || isTakenOver(), appearanceMs);
  const pid = serverPid();
  if (pid !== undefined && !isTakenOver()) await stopServer(pid);
  // A start waits for us before it takes this lock, so nobody takes it between the two steps.
  if (ownerPidOf(instanceLock) === Number(service)) rmSync(instanceLock, { force: true });
}
release();
process.exit(0);
