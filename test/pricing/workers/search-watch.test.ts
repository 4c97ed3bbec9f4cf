import test from 'ava';
import { createEngineFactory } from '#src/pricing/models/engine-factory.ts';
import { createSearchWatch } from '#src/pricing/models/search-watch.ts';
import { SlowCalculation } from '#src/pricing/models/slow-calculation.ts';
import { readOption } from '#src/pricing/request/read-option.ts';
import { createOutputs, evaluate, wantedOf } from '#src/pricing/request/calculate.ts';
import type { Option } from '#src/pricing/models/engine.ts';
import { optionOfModel } from '#testkit/pricing-reference/option-of-model.ts';

const start = () => {
  const times = { now: 0, processorMs: 0, reads: 0 };
  const watch = createSearchWatch(
    () => times.now,
    () => {
      times.reads += 1;
      return times.processorMs;
    },
  );
  return { times, watch };
};

test('a search may take its time of the processor, however long it waits for one', (t) => {
  const { times, watch } = start();
  watch.look();
  watch.allow(100);
  t.is(times.reads, 0, 'a row without a search reads no processor time');
  watch.look();
  times.now = 99;
  watch.look();
  t.is(times.reads, 1, 'the processor time is not read before it can be over');
  times.now = 5_000;
  times.processorMs = 60;
  watch.look();
  times.now = 5_040;
  times.processorMs = 100;
  t.throws(() => watch.look(), { instanceOf: SlowCalculation });
  watch.allow(100);
  watch.look();
  times.processorMs = 199;
  times.now = 5_200;
  watch.look();
  watch.allow(Infinity);
  times.processorMs = 1e9;
  times.now = 1e9;
  watch.look();
});

for (const name of ['binomial_lr', 'andersen_lake', 'baw', 'finite_difference'] as const) {
  test(`${name}: each price of a search looks at the time, and no price alone does`, (t) => {
    let looks = 0;
    const engines = createEngineFactory({
      look: () => {
        looks += 1;
        if (looks === 5) throw new SlowCalculation('enough');
      },
    });
    const model = engines.model(name);
    const wanted = wantedOf(['implied_volatility']);
    const { volatility: _, ...rest } = optionOfModel[name];
    const option = readOption({ ...rest, price: 8 }, model, '', wanted) as Option;
    const priced = readOption(optionOfModel[name], model, '', wantedOf(['price'])) as Option;
    t.is(evaluate(engines.engine(model), priced, wantedOf(['price']), createOutputs()), undefined);
    t.is(looks, 0);
    t.throws(() => evaluate(engines.engine(model), option, wanted, createOutputs()), { instanceOf: SlowCalculation });
    t.is(looks, 5);
  });
}
