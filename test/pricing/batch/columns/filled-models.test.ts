import test from 'ava';
import { tableFromIPC } from 'apache-arrow';
import { arrowStream } from '#testkit/arrow/arrow-support.ts';
import { setup } from '../../setup.ts';

const columns = {
  spot: [100, 100],
  strike: 105,
  time_to_expiry: 0.5,
  rate: 0.03,
  volatility: 0.2,
  option_type: 'put',
} as const;

const byUser = setup({
  defaults: { model: 'binomial_lr', decimalPlaces: 4, presets: { lake: { model: 'andersen_lake' } } },
  workers: { queueLimit: 100 },
});
test.after.always(() => byUser.workers.close());
const { service } = byUser;

test('columns name the model of the settings or of a preset', async (t) => {
  t.like(await service.batch({ columns }), { succeeded: 2, chosen_models: ['binomial_lr'] });
  const american = { ...columns, exercise_style: 'american' };
  t.like(await service.batch({ columns: american, preset: 'lake' }), {
    succeeded: 2,
    chosen_models: ['andersen_lake'],
  });
  // The preset does not price European options, so these have the default model.
  const styles = { ...columns, exercise_style: ['american', 'european'] };
  t.like(await service.batch({ columns: styles, preset: 'lake' }), { succeeded: 2, chosen_models: ['andersen_lake'] });
});

test('columns do not name a model that the request names', async (t) => {
  t.false('chosen_models' in (await service.batch({ columns, model: 'binomial_lr' })));
  t.false(
    'chosen_models' in (await service.batch({ columns: { ...columns, model: ['binomial_lr', 'black_scholes'] } })),
  );
  const american = { ...columns, exercise_style: 'american' };
  const named = await service.batch({ columns: { ...american, model: ['baw', 'baw'] }, preset: 'lake' });
  t.false('chosen_models' in named);
});

test('an Arrow answer names the models that fill rows without one', async (t) => {
  const pairs = Object.entries(columns).map(([name, cell]) => [name, Array.isArray(cell) ? cell : [cell, cell]]);
  const given = (cells: object, metadata: Record<string, string> = {}) =>
    service.send({
      bytes: arrowStream({ ...Object.fromEntries(pairs), ...cells } as Parameters<typeof arrowStream>[0], metadata),
      input: 'arrow',
      answer: ['arrow'],
    });
  const chosenIn = async (answer: Promise<Buffer>) =>
    tableFromIPC(await answer).schema.metadata.get('volwatch.chosen_models');
  t.is(await chosenIn(given({})), 'binomial_lr');
  t.is(await chosenIn(given({ model: ['baw', null], exercise_style: ['american', 'american'] })), 'binomial_lr');
  t.is(await chosenIn(given({ model: ['black_scholes', 'binomial_lr'] })), undefined);
});
