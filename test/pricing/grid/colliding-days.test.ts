import test from 'ava';
import { openGrid } from '#src/pricing/grid/open-grid.ts';
import { writeGridJson } from '#src/pricing/grid/write-grid-json.ts';
import { createEngineFactory } from '#src/pricing/models/engine-factory.ts';
import { pricingModels } from '#src/pricing/models/models.ts';
import { seeded } from '#testkit/american/random-americans.ts';
import { collidingNumbers } from '#testkit/bodies/colliding-numbers.ts';
import { threadMs } from '#testkit/measures/thread-time.ts';
import { call, setup } from '../setup.ts';

/** A grid whose process gives no sign of life for this long is lost. */
const stallMs = 2_000;
const { service, workers } = setup({ workers: { stallMs } });
test.after.always(() => workers.close());

const maxDays = 73_000;
const withDividend = { ...call, dividends: [{ time: 0.25, amount: 1 }] };

test.serial('days with one hash take as long as other days', (t) => {
  const count = 20_000;
  const random = seeded(51);
  const usual = Array.from({ length: count }, () => random() * maxDays);
  const colliding = collidingNumbers(count, maxDays);
  const msOf = (days: readonly number[]): number => {
    const grid = openGrid(
      { option: withDividend, days },
      { engines: createEngineFactory({ models: pricingModels }), answer: 'json', write: writeGridJson },
    );
    const began = threadMs();
    grid.estimate();
    grid.run(0, grid.size);
    return threadMs() - began;
  };
  msOf(usual);
  const [ofUsual, ofColliding] = [msOf(usual), msOf(colliding)];
  t.true(ofColliding < 5 * ofUsual + 50, `${ofColliding} ms beside ${ofUsual} ms`);
});

test.serial('a grid of days with one hash loses no pricing process', async (t) => {
  const days = collidingNumbers(100_000, maxDays);
  const bytes = Buffer.from(JSON.stringify({ option: withDividend, days }));
  const answer = Buffer.concat((await service.grid({ bytes, answer: ['json'], jsonDepth: 20 })).chunks);
  t.is((JSON.parse(answer.toString()) as { succeeded: number }).succeeded, days.length);
});
