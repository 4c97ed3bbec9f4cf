import test, { type ExecutionContext } from 'ava';
import type { WorkEstimate } from '#src/pricing/models/cost.ts';
import type { WorkKind } from '#src/pricing/workers/fair-queue.ts';
import { optionOfModel } from '#testkit/pricing-reference/option-of-model.ts';
import { start } from '../start-pool.ts';

const filename = new URL('slow-models-worker.ts', import.meta.url).href;
const { volatility: _, ...withoutVolatility } = optionOfModel.baw;
const search = { options: [{ ...withoutVolatility, price: 8 }], outputs: ['implied_volatility'] };
const { volatility: __, ...withoutAmericanVolatility } = optionOfModel.andersen_lake;
/** Together a second. Their estimate says that it is uncertain. */
const uncertain = {
  options: Array.from({ length: 5 }, () => ({ ...withoutAmericanVolatility, price: 8 })),
  outputs: ['implied_volatility'],
};
const greeks = { options: [optionOfModel.baw], outputs: ['delta'] };
const quick = { options: [optionOfModel.black_scholes] };

const startLanes = (t: ExecutionContext) => {
  const { workers, metrics, lines } = start(t, { filename, heapMegabytes: 256, shortWorkMs: 500 });
  /** @returns the lane in which the task ended */
  const laneOf = async (body: object, caller: string, kind: WorkKind = 'single', estimate?: WorkEstimate) => {
    const ended = (lane: string): number => metrics.value('volwatch_workers_task_duration_seconds', { lane });
    const before = new Map(['short', 'medium', 'long'].map((lane) => [lane, ended(lane)]));
    const bytes = Buffer.from(JSON.stringify(body));
    const work = { caller, kind, maxMs: 30_000, ...(estimate && { estimate }) };
    const { tally } = await workers.run({ bytes, input: 'json', answer: ['json'], jsonDepth: 20 }, work);
    t.is(tally.failures.size, 0);
    return [...before].find(([lane, count]) => ended(lane) > count)?.[0];
  };
  const warnings = (): number => lines.filter(({ level }) => level === 'warn').length;
  return { laneOf, warnings, metrics };
};

test.serial(
  'a search that takes several times its estimate is repeated beside long work, and its caller remembered',
  async (t) => {
    const { laneOf, warnings } = startLanes(t);
    t.is(await laneOf(search, 'a'), 'long');
    t.is(warnings(), 1);
    t.is(await laneOf(quick, 'a'), 'medium');
    t.is(await laneOf(quick, 'a', 'batch'), 'short', 'work of another kind was not underestimated');
    t.is(await laneOf(quick, 'b'), 'short');
  },
);

test.serial('a search of a slow row keeps to its estimate beside medium work too', async (t) => {
  const { laneOf, metrics } = startLanes(t);
  t.is(await laneOf(search, 'a', 'single', { totalMs: 60, maxRowMs: 60, model: 'baw' }), 'long');
  t.is(metrics.value('volwatch_workers_returned_total', { reason: 'row' }), 1);
});

test.serial('the caller of a row that ends after several times its estimate is remembered too', async (t) => {
  const { laneOf, warnings } = startLanes(t);
  t.is(await laneOf(greeks, 'a', 'batch'), 'short', 'nothing could interrupt it');
  t.is(warnings(), 1);
  t.is(await laneOf(quick, 'a', 'batch'), 'medium');
  t.is(await laneOf(quick, 'b', 'batch'), 'short');
});

test.serial(
  'searches whose estimate is uncertain leave the places for brief work, and their caller is not remembered',
  async (t) => {
    const { laneOf, warnings, metrics } = startLanes(t);
    t.is(await laneOf(uncertain, 'a', 'batch'), 'medium', 'each of them is no slower than the slowest known one');
    t.is(warnings(), 0);
    t.is(await laneOf(quick, 'a', 'batch'), 'short');
    for (const [reason, count] of Object.entries({ estimate: 1, time: 1, row: 0, answer: 0 })) {
      t.is(metrics.value('volwatch_workers_returned_total', { reason }), count, reason);
    }
  },
);
