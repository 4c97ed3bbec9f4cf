import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { isAlive } from '#src/embedded-postgres/embedded-postgres-host.ts';
import { exhaustMemory, fillHeapOnSignal } from '#testkit/memory.ts';
import type { Service } from '#testkit/service.ts';
import { call, refresh, serve, takeToken, temporaryDirectory } from '#testkit/running-service.ts';
import { eventually } from '#testkit/eventually.ts';

const waysToEnd: Readonly<Record<string, (service: Service) => void>> = {
  SIGKILL: ({ pid }) => process.kill(pid, 'SIGKILL'),
  // A negative id means the group of this id. The service leads its own group only because it is started with `detached`.
  'SIGKILL to its process group': ({ pid }) => process.kill(-pid, 'SIGKILL'),
  'an abort': ({ pid }) => process.kill(pid, 'SIGABRT'),
  // The service fills its heap at a signal, for which it was started with `fillHeapOnSignal`. `exhaustMemory` limits its memory
  // and sends this signal.
  'out of memory': ({ pid }) => exhaustMemory(pid),
};

test('the embedded PostgreSQL ends with the service in every case, and the next start has the data', async (t) => {
  const directory = temporaryDirectory(t);
  const file = (name: string): string => join(directory, 'postgres', name);
  const begin = async (): Promise<Service> => {
    const service = await serve(
      t,
      { VOLWATCH_DIRECTORY: directory },
      { detached: true, nodeArguments: ['--import', fillHeapOnSignal] },
    );
    await service.logged(({ message }) => message === 'started', 60_000);
    return service;
  };
  let service = await begin();
  const { body: refreshed } = await refresh(service, await takeToken(service), 'tech5');
  t.is(refreshed['status'], 'succeeded');

  for (const [name, endService] of Object.entries(waysToEnd)) {
    const postgresPid = Number(readFileSync(file('data/postmaster.pid'), 'utf8').split('\n')[0]);
    endService(service);
    await service.exited;
    await eventually(() => !isAlive(postgresPid), `${name}: the server ends`, 20_000);
    await eventually(() => !existsSync(file('watcher.lock')), `${name}: the watcher ends`, 20_000);
    t.false(existsSync(file('data/postmaster.pid')), name);
    t.false(existsSync(file('instance.lock')), name);

    service = await begin();
    const kept = await call(`${service.url}/api/v1/refreshes/${String(refreshed['id'])}`, {
      headers: { Authorization: `Bearer ${await takeToken(service)}` },
    });
    t.is(kept.status, 200, name);
  }
  t.is(await service.stop(), 0);
});
