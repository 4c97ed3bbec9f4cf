import test from 'ava';
import * as fc from 'fast-check';
import { nearestName } from '#src/kernel/requests/nearest-name.ts';

const methods = ['equal_weighted', 'fixed_weights', 'price_weighted'];

test('the only name that begins like a text of three characters or more is the nearest one', (t) => {
  t.is(nearestName('fixed', methods), 'fixed_weights');
  t.is(nearestName('garch', ['ewma', 'garch11']), 'garch11');
  t.is(nearestName('fi', methods), undefined);
  t.is(nearestName('weighted', methods), undefined);
});

test('no name is chosen if several ones begin like the text', (t) => {
  t.is(nearestName('black', ['black_scholes', 'black76x', 'bachelier']), undefined);
});

test('the distance decides before the beginning', (t) => {
  t.is(nearestName('spots', ['spot', 'spots_of_all_days']), 'spot');
});

/** The optimal string alignment distance by its definition. */
const distance = (a: string, b: string): number => {
  if (a === '' || b === '') return a.length + b.length;
  const isSame = a.at(-1) === b.at(-1);
  const isSwapped = a.length > 1 && b.length > 1 && a.at(-1) === b.at(-2) && a.at(-2) === b.at(-1);
  return Math.min(
    distance(a.slice(0, -1), b) + 1,
    distance(a, b.slice(0, -1)) + 1,
    distance(a.slice(0, -1), b.slice(0, -1)) + (isSame ? 0 : 1),
    ...(isSwapped ? [distance(a.slice(0, -2), b.slice(0, -2)) + 1] : []),
  );
};

test('a comparison that ends early finds the same name as one with full distances', (t) => {
  const name = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(name, fc.uniqueArray(name, { minLength: 1, maxLength: 4 }), (wanted, known) => {
      const max = Math.floor(wanted.length / 3) + 1;
      const distances = known.map((candidate) => distance(wanted, candidate));
      const least = Math.min(...distances);
      if (least < max) t.is(nearestName(wanted, known), known[distances.indexOf(least)]);
    }),
    { numRuns: 300 },
  );
});
