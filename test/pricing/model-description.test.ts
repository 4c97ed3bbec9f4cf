import test from 'ava';
import { describeModel } from '#src/pricing/models/model-description.ts';
import { pricingModels } from '#src/pricing/models/models.ts';

test('the description of each required input says what stands in place of it', (t) => {
  for (const model of pricingModels) {
    const { inputs } = describeModel(model);
    const textOf = (name: string) => inputs.find((input) => input.name === name)?.description ?? '';
    for (const name of ['strike', 'option_type']) t.regex(textOf(name), /not with contract/, `${model.name} ${name}`);
    t.regex(textOf('time_to_expiry'), /not with expiry or contract/, model.name);
    t.is(/without model/.test(textOf('model')), model.name !== 'black_scholes', model.name);
    const isChosen = ['andersen_lake', 'binomial_lr', 'finite_difference'].includes(model.name);
    t.is(/American options without model/.test(textOf('model')), isChosen, model.name);
  }
});
