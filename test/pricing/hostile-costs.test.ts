import test from 'ava';
import { checkWork, estimateOf } from '#src/pricing/models/cost.ts';
import type { CostInputs } from '#src/pricing/models/cost-inputs.ts';
import { modelNames } from '#src/kernel/catalogue/pricing-models.ts';
import { needsProcess } from '#src/pricing/batch/batch.ts';
import { setup } from './setup.ts';

/** The estimate is made before a row is validated, so each member can be anything that JSON has: `1e999` is infinite. */
const hostile = [1e200, -1e200, Infinity, -Infinity, 1e-320, 0, -0, -1e12, 'x', null, [], {}, true];
const members = [
  'steps',
  'precision',
  'time_to_expiry',
  'rate',
  'dividend_yield',
  'volatility',
  'spot',
  'strike',
  'rebate',
  'barrier_type',
  'heston',
  'dividends',
  'dividendCount',
  'dividendSum',
];
const usual = {
  option_type: 'put',
  exercise_style: 'american',
  spot: 100,
  strike: 100,
  rate: 0.01,
  volatility: 0.2,
  time_to_expiry: 1,
  dividends: [{ time: 0.5, amount: 1 }],
};
const tree = { ...usual, model: 'binomial_lr', steps: 10_001 };
const wanted = [
  { needs: 'price', inverted: false },
  { needs: 'greeks', inverted: false },
  { needs: 'price', inverted: true },
] as never as Parameters<typeof estimateOf>[1][];

test('no row that is not validated makes the estimate of others smaller, or no number', (t) => {
  const faults: string[] = [];
  for (const each of wanted) {
    const alone = estimateOf([tree], each).totalMs;
    for (const model of modelNames) {
      for (const member of members) {
        for (const value of hostile) {
          const row: CostInputs = { ...usual, model, [member]: value };
          const { totalMs, maxRowMs } = estimateOf([tree, row], each);
          if (!(totalMs >= alone && maxRowMs >= alone))
            faults.push(`${model} ${member} ${JSON.stringify(value)}: ${totalMs}`);
        }
      }
    }
  }
  t.deepEqual(faults, []);
});

test('an estimate that is no number is too much work, and is none for the event loop', (t) => {
  const estimate = { totalMs: NaN, maxRowMs: NaN, model: 'unknown' } as const;
  t.true(needsProcess(estimate));
  t.throws(() => checkWork(estimate, 1_000), { code: 'pricing_work_too_large' });
});

const { service, workers } = setup();
test.after.always(() => workers.close());

test('members with the names of what columns know of dividends are unknown members', async (t) => {
  for (const more of [{ dividendSum: 1 }, { dividendSum: null }, { dividendCount: 'x' }, { dividendCount: -1e12 }]) {
    const row = { ...usual, model: 'finite_difference', ...more };
    const { results } = await service.batch({ options: [row, { ...usual, model: 'finite_difference' }] });
    t.is(results.length, 2);
    t.true('error' in results[0]!, JSON.stringify(results[0]));
    t.false('error' in results[1]!);
  }
});
