import { slowBatch } from '../../slow-batch.ts';
import type { Cell } from '../cell.ts';
import type { Scrape } from '../scrape.ts';
import type { World } from '../world.ts';

const body = slowBatch(4_000);

/** Sends this number of slow batches at once. Their outcome is not checked. */
const flood = async ({ url }: World, batches: number): Promise<void> => {
  await Promise.all(
    Array.from({ length: batches }, async () => {
      const response = await fetch(`${url}/api/v1/pricing/batch`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json' },
        signal: AbortSignal.timeout(20_000),
      }).catch(() => undefined);
      await response?.arrayBuffer().catch(() => undefined);
    }),
  );
};

const overloaded = (now: Scrape): number => now.sum('volwatch_errors_total', { code: 'overloaded' });

const restarts = (now: Scrape): number => now.sum('volwatch_workers_restarts_total');

/** A fault inside a pricing process. Its batch fails and the process is replaced. Other requests must not be affected. */
const broken = (name: string, how: string, mode: 'crash' | 'hang'): Cell => ({
  group: 'workers',
  name,
  faultPoint: 'pricing.worker',
  how,
  probe: 'batch',
  codes: ['internal_error', 'overloaded'],
  deadlineMs: 12_000,
  // A process without progress is ended only after PRICING_STALL_MS.
  holdMs: mode === 'hang' ? 7_000 : 3_000,
  unhealthy: 'workers',
  inject: (world) => world.setFault('pricing.worker', mode === 'hang' ? { mode, count: 2 } : { mode }),
  heal: (world) => world.clearFault('pricing.worker'),
  hasEffect: (before, now) => restarts(now) > restarts(before),
});

export const workerCells: readonly Cell[] = [
  broken('crash', 'the process that prices a batch exits', 'crash'),
  broken('hang', 'the process that prices a batch hangs and ignores cancellation', 'hang'),
  {
    group: 'workers',
    name: 'queue full',
    how: 'more slow batches than the pricing processes and the queue can hold, while other callers read',
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
    how: 'more slow batches than the pricing processes and the queue can hold, while other callers ask for single prices',
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
