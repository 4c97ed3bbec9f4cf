import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Command, Report } from './refresher.ts';

/**
 * Where the prices of the refreshes come from: a provider, or an uploaded file. `universe`: files, and the definition of the
 * universe is changed meanwhile.
 */
export type RefreshKind = 'provider' | 'upload' | 'universe';

export type Refresher = {
  /** @returns the reported status; undefined if the process ended first */
  readonly refresh: (command: Command) => Promise<string | undefined>;
  readonly kill: () => void;
  readonly alive: () => boolean;
};

/**
 * A fixed number of refreshers, each in its own process. A spare process that already runs replaces a member that
 * ended.
 */
export type Fleet = { readonly members: () => Promise<readonly Refresher[]>; readonly close: () => Promise<void> };

export type FleetOptions = {
  readonly databaseUrl: string;
  readonly kind: RefreshKind;
  readonly size: number;
  /** Keeps the compiled code of the refreshers, because most of the time of a run is the start of processes. */
  readonly cacheDirectory: string;
};

const spawnRefresher = async ({
  databaseUrl,
  kind,
  cacheDirectory,
}: FleetOptions): Promise<Refresher & { readonly child: ChildProcess }> => {
  const child = fork(join(import.meta.dirname, 'refresher.ts'), [databaseUrl, kind], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...process.env, NODE_COMPILE_CACHE: cacheDirectory },
  });
  const ended = once(child, 'exit').then(() => Promise.reject(new Error('a refresher ended at its start')));
  const [first] = (await Promise.race([once(child, 'message'), ended])) as [Report];
  ended.catch(() => {});
  if (first.event !== 'ready') throw new Error('a refresher did not start');
  const alive = (): boolean => child.exitCode === null && child.signalCode === null;
  return {
    child,
    alive,
    kill: () => void child.kill('SIGKILL'),
    refresh: (command) =>
      new Promise((done) => {
        const finish = (status: string | undefined): void => {
          child.off('message', onMessage).off('exit', onExit);
          done(status);
        };
        const onMessage = (report: Report): void => {
          if (report.event === 'ended' && report.generation === command.generation) finish(report.status);
        };
        const onExit = (): void => finish(undefined);
        if (!alive()) return done(undefined);
        child.on('message', onMessage).once('exit', onExit);
        // A process that was just killed may still count as alive, so the send can fail.
        child.send(command, (error) => error && finish(undefined));
      }),
  };
};

export const createFleet = async (options: FleetOptions): Promise<Fleet> => {
  const { size } = options;
  // The first one fills the cache.
  let members = [await spawnRefresher(options)];
  members.push(...(await Promise.all(Array.from({ length: size - 1 }, () => spawnRefresher(options)))));
  let spares = [spawnRefresher(options), spawnRefresher(options)];
  return {
    members: async () => {
      const living = members.filter(({ alive }) => alive());
      while (living.length < size) {
        spares.push(spawnRefresher(options));
        living.push(await spares.shift()!);
      }
      members = living;
      return members;
    },
    close: async () => {
      for (const { child } of [...members, ...(await Promise.all(spares))]) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      spares = [];
    },
  };
};
