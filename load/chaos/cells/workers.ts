import { slowBatch } from '../../slow-batch.ts';
import type { Cell } from '../cell.ts';
import type { Scrape } from '../scrape.ts';
import type { World } from '../world.ts';

/**
 * 4,000 rows take some 40 ms, which is too much work for the event loop of the service, so a pricing process must do it. The
 * process is busy long enough for the queue to fill, and each batch that gets a place is answered within the timeout.
 */
const body = slowBatch(4_000);

/** Sends `batches` slow batches at once. Their outcome is not checked. */
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

/**
 * A fault inside a pricing process: it exits or hangs in a batch, and is replaced. The batch gets `internal_error`. Others may
 * get `overloaded`, because only PRICING_QUEUE_LIMIT batches can wait for the new process. Other requests must not be affected.
 */
const broken = (name: string, how: string, mode: 'crash' | 'hang'): Cell => ({
  group: 'workers',
  name,
  faultPoint: 'pricing.worker',
  how,
  probe: 'batch',
  codes: ['internal_error', 'overloaded'],
  deadlineMs: 12_000,
  // A process that hangs is ended after PRICING_STALL_MS (4 s in world.ts), so the hold must be longer.
  holdMs: mode === 'hang' ? 7_000 : 3_000,
  unhealthy: 'workers',
  // Each hang costs up to 4 s. After two of them (8 s), the batches behind them can still be answered within `deadlineMs`.
  inject: (world) => world.setFault('pricing.worker', mode === 'hang' ? { mode, count: 2 } : { mode }),
  heal: (world) => world.clearFault('pricing.worker'),
  hasEffect: (before, now) => restarts(now) > restarts(before),
});

/**
 * Three rounds of 60 slow batches. world.ts sets one process for short work and a queue of 4 batches, so most of a round is
 * refused. The next round begins when the last batch of a round has its answer, and the fault ends with the third round.
 */
const queueFull = (cell: Pick<Cell, 'name' | 'how' | 'probe' | 'codes'>): Cell => ({
  group: 'workers',
  deadlineMs: 3_000,
  holdMs: 0,
  inject: async (world) => {
    for (let round = 0; round < 3; round += 1) await flood(world, 60);
  },
  heal: () => {},
  hasEffect: (before, now) => overloaded(now) > overloaded(before),
  ...cell,
});

export const workerCells: readonly Cell[] = [
  broken('crash', 'the process that prices a batch exits', 'crash'),
  broken('hang', 'the process that prices a batch hangs and ignores cancellation', 'hang'),
  queueFull({
    name: 'queue full',
    how: 'more slow batches than the pricing processes and the queue can hold, while other callers read',
    probe: 'read',
    // Reads need no pricing process, so callers that read must not notice the flood.
    codes: [],
  }),
  queueFull({
    name: 'queue full, prices',
    how: 'more slow batches than the pricing processes and the queue can hold, while other callers ask for single prices',
    probe: 'price',
    // Above LOAD_LAG_MS of lag of the event loop, prices are refused. Reads are refused only above four times this lag.
    codes: ['overloaded'],
  }),
];
