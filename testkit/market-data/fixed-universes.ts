import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Universe } from '#src/market-data/indexes/universes.ts';
import type { Universes } from '#src/market-data/universes/universes-port.ts';

/** Universes that are not stored, for tests of refreshes and reads alone. */
export const fixedUniverses = (universes: readonly Universe[]): Universes => {
  const named = (name: string): Universe | undefined => universes.find((universe) => universe.name === name);
  const symbolsOf = (universe: Universe | undefined): string[] => universe?.assets.map(({ symbol }) => symbol) ?? [];
  const others = (name: string): Universe[] => universes.filter((universe) => universe.name !== name);
  return {
    names: async () => universes.map(({ name }) => name),
    named: async (name) => {
      const universe = named(name);
      if (universe) return universe;
      throw new AppError('validation_failed', undefined, {
        errors: [{ pointer: '/universe', code: 'invalid_value', detail: `There is no universe ${name}` }],
      });
    },
    ofAsset: async (symbol) => universes.find((universe) => symbolsOf(universe).includes(symbol))?.name,
    ofIndex: async (wanted) => universes.find(({ indexes }) => indexes.some(({ code }) => code === wanted))?.name,
    sharing: async (name) =>
      others(name)
        .filter((other) => symbolsOf(other).some((symbol) => symbolsOf(named(name)).includes(symbol)))
        .map((other) => other.name),
    hold: async (_, { name }) => {
      const elsewhere = new Set(others(name).flatMap(symbolsOf));
      return new Set(symbolsOf(named(name)).filter((symbol) => elsewhere.has(symbol)));
    },
  };
};
