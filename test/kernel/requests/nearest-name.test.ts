import test from 'ava';
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
