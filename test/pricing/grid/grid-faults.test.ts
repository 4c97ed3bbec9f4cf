import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { noFaults, type Faults } from '#src/kernel/catalogue/faults.ts';
import { openGrid } from '#src/pricing/grid/open-grid.ts';
import { writeGridJson } from '#src/pricing/grid/write-grid-json.ts';
import { createEngineFactory } from '#src/pricing/models/engine-factory.ts';
import { call, setup } from '../setup.ts';

const axes = { spot_shifts: [-0.1, 0, 0.1], days: [0, 7] };

/** Prices a grid while a fault at `pricing.engine` is armed. */
const priceGrid = async (positions: readonly object[], reach: Faults['reach']) => {
  const { service, workers } = setup({ faults: { ...noFaults, armed: () => true, reach } });
  const bytes = Buffer.from(JSON.stringify({ positions, ...axes }));
  try {
    const { chunks } = await service.grid({ bytes, answer: ['json'], jsonDepth: 20 });
    return JSON.parse(Buffer.concat(chunks).toString()) as { readonly succeeded: number; readonly failed: number };
  } finally {
    await workers.close();
  }
};
const inject = async (): Promise<never> => {
  throw new AppError('pricing_calculation_failed', 'Injected');
};

test('an armed fault fails the nodes of a grid, and a wrong position is still refused', async (t) => {
  t.like(await priceGrid([call], inject), { succeeded: 0, failed: 6 });
  t.like(await priceGrid([call], async () => {}), { succeeded: 6, failed: 0 });
  for (const reach of [inject, async () => {}]) {
    const error = await t.throwsAsync(priceGrid([call, { ...call, strike: -1 }], reach), { instanceOf: AppError });
    t.is(error.code, 'validation_failed');
  }
});

test('a grid with a wrong position is read once', (t) => {
  let reads = 0;
  const wrong = {
    ...call,
    get strike() {
      reads += 1;
      return -1;
    },
  };
  const grid = openGrid(
    { positions: [wrong], ...axes },
    { engines: createEngineFactory(), answer: 'json', write: writeGridJson },
  );
  const runs = (): unknown => t.throws(() => grid.run(0, 1), { instanceOf: AppError });
  const first = runs();
  const readsOfOne = reads;
  t.true(readsOfOne > 0);
  t.is(runs(), first);
  t.is(reads, readsOfOne);
});

test('a position with more mistakes than a call has arguments is refused', (t) => {
  const times = Array.from({ length: 150_000 }, () => ({ time: 1, date: 1 }));
  const members = Object.fromEntries(times.map((_, index) => [`member_${index}`, 1]));
  for (const position of [
    { ...call, dividends: times, valuation_date: '2026-01-02' },
    { ...call, ...members },
  ]) {
    const grid = openGrid(
      { positions: [position], ...axes },
      { engines: createEngineFactory(), answer: 'json', write: writeGridJson },
    );
    t.is(t.throws(() => grid.run(0, 1), { instanceOf: AppError })?.code, 'validation_failed');
  }
});
