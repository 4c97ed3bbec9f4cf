import { indexOfOutput } from '#src/pricing/models/outputs.ts';
import { pricingModels, type Model } from '#src/pricing/models/models.ts';
import { threadMs } from '#src/pricing/models/thread-ms.ts';
import { serve } from '#src/pricing/workers/serve.ts';

/** More than a new process may take beyond its estimate. */
const slowMs = 900;
const priceMs = 10;

const work = (milliseconds: number): void => {
  const end = threadMs() + milliseconds;
  while (threadMs() < end);
};

/** Searches of these models take so long. That of `baw` is more than a new process may take beyond its estimate. */
const searchMs: Readonly<Record<string, number>> = { baw: slowMs, andersen_lake: 200 };

const slowSearches = (model: Model): Model => ({
  ...model,
  build: (site, look) => {
    const engine = model.build(site, look);
    return {
      ...engine,
      impliedVolatility: (option, price) => {
        for (let prices = 0; prices < searchMs[model.name]! / priceMs; prices += 1) {
          look();
          work(priceMs);
        }
        return engine.impliedVolatility!(option, price);
      },
    };
  },
});

/** An option of `baw` whose work is very much longer than its estimate: a search of many prices, and greeks that nothing interrupts. */
const slowModel = (model: Model): Model => ({
  ...model,
  build: (site, look) => {
    const engine = slowSearches(model).build(site, look);
    return {
      ...engine,
      evaluate: (option, out) => {
        work(slowMs);
        engine.evaluate(option, out);
        out[indexOfOutput.delta] = 0.5;
      },
    };
  },
});

const slow: Readonly<Record<string, (model: Model) => Model>> = { baw: slowModel, andersen_lake: slowSearches };

/** The program of a pricing process with models whose estimates are wrong. */
serve({ models: pricingModels.map((model) => slow[model.name]?.(model) ?? model) });
