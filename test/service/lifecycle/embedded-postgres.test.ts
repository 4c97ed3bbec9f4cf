import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { isAlive } from '#src/embedded-postgres/embedded-postgres-host.ts';
import { exhaustMemory, fillHeapOnSignal } from '#testkit/memory.ts';
import type { Service } from '#testkit/service.ts';
import { call, refresh, serve, takeToken, temporaryDirectory } from '#testkit/running-service.ts';
import { eventually } from '#testkit/eventually.ts';

const ends: Readonly<Record<string, (service: Service) => void>> = {
  SIGKILL: ({ pid }) => process.kill(pid, 'SIGKILL'),
  'SIGKILL to its process group': ({ pid }) => process.kill(-pid, 'SIGKILL'),
  'an abort': ({ pid }) => process.kill(pid, 'SIGABRT'),
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

  for (const [name, end] of Object.entries(ends)) {
    const server = Number(readFileSync(file('data/postmaster.pid'), 'utf8').split('\n')[0]);
    end(service);
    await service.exited;
    await eventually(() => !isAlive(server), `${name}: the server ends`, 20_000);
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
