import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { PricingEngine } from './engine.ts';
import { unknownModelText } from '../request/messages.ts';
import { allowDeepInlining } from '../math/inlining.ts';
import { defaultModel, pricingModels, type Model } from './models.ts';
import { noLook, type SearchLook } from './search-watch.ts';
import type { EngineSite } from './slow-calculation.ts';

export type EngineFactory = {
  readonly models: readonly Model[];
  /** @throws AppError `pricing_model_unknown` */
  readonly model: (name: string) => Model;
  /** The model that a row names, if it exists. Used to count rows that are not read. */
  readonly known: (name: unknown) => Model | undefined;
  /**
   * The engine of the model. It is built at its first use. After a failed build, the next use tries again.
   * @throws AppError `pricing_engine_unavailable`
   */
  readonly engine: (model: Model) => PricingEngine;
};

export type EngineFactoryDeps = {
  readonly models?: readonly Model[];
  /** Engines of the event loop throw `SlowCalculation`. */
  readonly site?: EngineSite;
  /** Called before each price of a search for a volatility. */
  readonly look?: SearchLook;
};

export const createEngineFactory = (deps: EngineFactoryDeps = {}): EngineFactory => {
  const { models = pricingModels, site = 'process', look = noLook } = deps;
  allowDeepInlining();
  const byName = new Map<string, Model>(models.map((model) => [model.name, model]));
  const built = new Map<string, PricingEngine>();
  const names = models.map(({ name }) => name);

  const build = (model: Model): PricingEngine => {
    try {
      const engine = model.build(site, look);
      built.set(model.name, engine);
      return engine;
    } catch (cause) {
      throw new AppError('pricing_engine_unavailable', `The engine of ${model.name} could not be built`, { cause });
    }
  };

  return {
    models,
    model: (name) => {
      const model = byName.get(name);
      if (model === undefined) {
        throw new AppError('pricing_model_unknown', unknownModelText(name, names));
      }
      return model;
    },
    known: (name = defaultModel) => (typeof name === 'string' ? byName.get(name) : undefined),
    engine: (model) => built.get(model.name) ?? build(model),
  };
};
