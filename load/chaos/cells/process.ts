import { setTimeout as sleep } from 'node:timers/promises';
import { limitMemory } from '#test/support/memory.ts';
import type { Cell } from '../cell.ts';
import type { World } from '../world.ts';

const kill =
  (signal: NodeJS.Signals) =>
  (world: World): void =>
    void world.service().process.kill(signal);

const common = { group: 'process', probe: 'refresh', deadlineMs: 14_000, processGone: true } as const;
const codes = ['shutting_down', 'overloaded', 'database_unavailable', 'internal_error'];

/** As a container's limit does: what the process has it keeps, more it does not get, and it ends. */
const exhaustMemory = async (world: World): Promise<void> => {
  await world.setFault('refresh.commit', { mode: 'hang' });
  limitMemory(world.service().pid, 8);
  const options = Array.from({ length: 20_000 }, () => ({ spot: 100, strike: 105, time_to_expiry: 0.5 }));
  const body = JSON.stringify({ options });
  const { process } = world.service();
  while (process.exitCode === null && process.signalCode === null) {
    const batch = fetch(`${world.url}/api/v1/pricing/batch`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    });
    await batch.then((response) => response.arrayBuffer()).catch(() => {});
  }
};

export const processCells: readonly Cell[] = [
  {
    ...common,
    name: 'SIGTERM',
    how: 'asked to stop while it refreshes, then started again',
    codes,
    holdMs: 500,
    inject: kill('SIGTERM'),
    heal: (world) => world.restart(),
    felt: (_, now) => now.sum('process_start_time_seconds') > Date.now() / 1_000 - 10,
  },
  {
    ...common,
    name: 'SIGKILL',
    how: 'killed inside the transaction of a refresh, then started again',
    codes,
    holdMs: 0,
    inject: async (world) => {
      await world.setFault('refresh.commit', { mode: 'crash', count: 1 });
      await world.service().exited;
    },
    heal: (world) => world.restart(),
    felt: (_, now) => now.sum('process_start_time_seconds') > Date.now() / 1_000 - 10,
  },
  {
    ...common,
    name: 'memory limit',
    how: 'no more memory from the system while large batches and a refresh want some, then started again',
    codes,
    holdMs: 0,
    inject: exhaustMemory,
    heal: (world) => world.restart(),
    felt: (_, now) => now.sum('process_start_time_seconds') > Date.now() / 1_000 - 10,
  },
  {
    ...common,
    name: 'SIGSTOP',
    how: 'frozen for 3 s',
    probe: 'price',
    // What waited all the time is shed when the process wakes: its event loop was late.
    codes: ['overloaded'],
    deadlineMs: 5_000,
    holdMs: 0,
    inject: async (world) => {
      kill('SIGSTOP')(world);
      await sleep(3_000);
    },
    heal: kill('SIGCONT'),
    felt: (before, now) =>
      now.sum('http_server_request_duration_seconds_count') > before.sum('http_server_request_duration_seconds_count'),
  },
];
