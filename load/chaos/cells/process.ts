import { setTimeout as sleep } from 'node:timers/promises';
import { exhaustMemory } from '#testkit/memory.ts';
import { definitionOf, uploadedUniverse } from '../uploaded-state.ts';
import type { Cell } from '../cell.ts';
import { restartCodes } from './restart-codes.ts';
import { killBetweenParts } from './tiingo.ts';
import type { World } from '../world.ts';

const kill =
  (signal: NodeJS.Signals) =>
  (world: World): void =>
    void world.service().process.kill(signal);

const common = { group: 'process', probe: 'refresh', deadlineMs: 14_000, processGone: true } as const;

/** A killed process cannot export the spans that it still has. */
const killed = { ...common, spansLost: true } as const;

const hasRestarted: Cell['hasEffect'] = (_, now) => now.sum('process_start_time_seconds') > Date.now() / 1_000 - 10;

/** The steps of an upload, in their order. */
const uploadSteps = [
  'upload.read',
  'refresh.ensure_assets',
  'refresh.store_prices',
  'refresh.calculate_index_values',
  'refresh.commit',
] as const;

const uploadKills = uploadSteps.map((point): Cell => ({
  ...killed,
  name: `SIGKILL in ${point} of an upload`,
  how: 'killed in this step of an upload, then started again',
  probe: 'upload',
  codes: restartCodes,
  holdMs: 0,
  inject: async (world) => {
    await world.setFault(point, { mode: 'crash', count: 1 });
    await world.service().exited;
  },
  heal: (world) => world.restart(),
  hasEffect: hasRestarted,
}));

/** After so many milliseconds the process is in the middle of a change, or of the refresh that a change has enqueued. */
const killDelaysMs = [3, 10, 40] as const;

const universeKills = killDelaysMs.map((delayMs): Cell => ({
  ...killed,
  name: `SIGKILL ${delayMs} ms into a change of a universe`,
  how: 'killed while a universe, its indexes and its schedule are replaced, then started again',
  probe: 'universe',
  codes: restartCodes,
  holdMs: 0,
  inject: async (world) => {
    const authorization = `Bearer ${await world.token()}`;
    const put = fetch(`${world.url}/api/v1/universes/${uploadedUniverse}`, {
      method: 'PUT',
      headers: { authorization, 'content-type': 'application/json', 'if-match': '*' },
      body: JSON.stringify(definitionOf(1)),
    }).catch(() => {});
    await sleep(delayMs);
    kill('SIGKILL')(world);
    await put;
    await world.service().exited;
  },
  heal: (world) => world.restart(),
  hasEffect: hasRestarted,
}));

export const processCells: readonly Cell[] = [
  ...uploadKills,
  ...universeKills,
  killBetweenParts(),
  {
    ...common,
    name: 'SIGTERM',
    how: 'asked to stop while it refreshes, then started again',
    codes: restartCodes,
    holdMs: 500,
    inject: kill('SIGTERM'),
    heal: (world) => world.restart(),
    hasEffect: hasRestarted,
  },
  {
    ...killed,
    name: 'SIGKILL',
    how: 'killed inside the transaction of a refresh, then started again',
    codes: restartCodes,
    holdMs: 0,
    inject: async (world) => {
      await world.setFault('refresh.commit', { mode: 'crash', count: 1 });
      await world.service().exited;
    },
    heal: (world) => world.restart(),
    hasEffect: hasRestarted,
  },
  {
    ...killed,
    name: 'memory limit',
    how: 'the system has no more memory for it while it refreshes, then started again',
    codes: restartCodes,
    holdMs: 0,
    inject: async (world) => {
      await world.setFault('refresh.commit', { mode: 'hang' });
      exhaustMemory(world.service().pid);
      await world.service().exited;
    },
    heal: (world) => world.restart(),
    hasEffect: hasRestarted,
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
