import type { Cell } from '../cell.ts';
import type { Scrape } from '../scrape.ts';
import type { World } from '../world.ts';

const rows = 4_000;
const slowBatch = JSON.stringify({
  columns: {
    spot: Array.from({ length: rows }, (_, row) => 80 + (40 * row) / rows),
    strike: 100,
    time_to_expiry: 1,
    rate: 0.03,
    volatility: 0.3,
    option_type: 'put',
  },
  model: 'andersen_lake',
  exercise_style: 'american',
});

/** Sends this number of slow batches at once. Their outcome is not checked. */
const flood = async ({ url }: World, batches: number): Promise<void> => {
  await Promise.all(
    Array.from({ length: batches }, async () => {
      const response = await fetch(`${url}/api/v1/pricing/batch`, {
        method: 'POST',
        body: slowBatch,
        headers: { 'content-type': 'application/json' },
        signal: AbortSignal.timeout(20_000),
      }).catch(() => undefined);
      await response?.arrayBuffer().catch(() => undefined);
    }),
  );
};

const overloaded = (now: Scrape): number => now.sum('volwatch_errors_total', { code: 'overloaded' });

const restarts = (now: Scrape): number => now.sum('volwatch_workers_restarts_total');

/** A fault inside a worker thread. Its batch fails and the thread is replaced. Other requests must not be affected. */
const broken = (name: string, how: string, mode: 'crash' | 'hang'): Cell => ({
  group: 'workers',
  name,
  faultPoint: 'pricing.worker',
  how,
  probe: 'batch',
  codes: ['internal_error', 'overloaded'],
  deadlineMs: 12_000,
  // A thread that makes no progress is ended after PRICING_STALL_MS.
  holdMs: mode === 'hang' ? 7_000 : 3_000,
  unhealthy: 'workers',
  inject: (world) => world.setFault('pricing.worker', mode === 'hang' ? { mode, count: 2 } : { mode }),
  heal: (world) => world.clearFault('pricing.worker'),
  hasEffect: (before, now) => restarts(now) > restarts(before),
});

export const workerCells: readonly Cell[] = [
  broken('crash', 'the thread that prices a batch ends', 'crash'),
  broken('hang', 'the thread that prices a batch makes no progress and ignores its cancellation', 'hang'),
  {
    group: 'workers',
    name: 'queue full',
    how: 'more slow batches than the threads and the queue can take, while others read',
    probe: 'read',
    codes: [],
    deadlineMs: 3_000,
    holdMs: 0,
    inject: async (world) => {
      for (let round = 0; round < 3; round += 1) await flood(world, 60);
    },
    heal: () => {},
    hasEffect: (before, now) => overloaded(now) > overloaded(before),
  },
  {
    group: 'workers',
    name: 'queue full, prices',
    how: 'the same, while others ask for single prices',
    probe: 'price',
    codes: ['overloaded'],
    deadlineMs: 3_000,
    holdMs: 0,
    inject: async (world) => {
      for (let round = 0; round < 3; round += 1) await flood(world, 60);
    },
    heal: () => {},
    hasEffect: (before, now) => overloaded(now) > overloaded(before),
  },
];
