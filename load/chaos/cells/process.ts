import { setTimeout as sleep } from 'node:timers/promises';
import { exhaustMemory } from '#testkit/memory.ts';
import type { Cell } from '../cell.ts';
import type { World } from '../world.ts';

const kill =
  (signal: NodeJS.Signals) =>
  (world: World): void =>
    void world.service().process.kill(signal);

const common = { group: 'process', probe: 'refresh', deadlineMs: 14_000, processGone: true } as const;
const codes = ['shutting_down', 'overloaded', 'database_unavailable', 'internal_error'];

export const processCells: readonly Cell[] = [
  {
    ...common,
    name: 'SIGTERM',
    how: 'asked to stop while it refreshes, then started again',
    codes,
    holdMs: 500,
    inject: kill('SIGTERM'),
    heal: (world) => world.restart(),
    hasEffect: (_, now) => now.sum('process_start_time_seconds') > Date.now() / 1_000 - 10,
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
    hasEffect: (_, now) => now.sum('process_start_time_seconds') > Date.now() / 1_000 - 10,
  },
  {
    ...common,
    name: 'memory limit',
    how: 'the system has no more memory for it while it refreshes, then started again',
    codes,
    holdMs: 0,
    inject: async (world) => {
      await world.setFault('refresh.commit', { mode: 'hang' });
      exhaustMemory(world.service().pid);
      await world.service().exited;
    },
    heal: (world) => world.restart(),
    hasEffect: (_, now) => now.sum('process_start_time_seconds') > Date.now() / 1_000 - 10,
  },
  {
    ...common,
    name: 'SIGSTOP',
    how: 'frozen for 3 s',
    probe: 'price',
    // Requests that waited are shed when the process resumes, because the event loop lag is above its limit.
    codes: ['overloaded'],
    deadlineMs: 5_000,
    holdMs: 0,
    inject: async (world) => {
      kill('SIGSTOP')(world);
      await sleep(3_000);
    },
    heal: kill('SIGCONT'),
    hasEffect: (before, now) =>
      now.sum('http_server_request_duration_seconds_count') > before.sum('http_server_request_duration_seconds_count'),
  },
];
