import test from 'ava';
import { runIndex } from '#testkit/market-data/index-points.ts';

test('a value that becomes no number fails the calculation, and the index does not begin again', (t) => {
  const terms = new Map([
    ['A', { weight: 1 }],
    ['B', { weight: 5e-324 }],
  ]);
  const close = (day: number, price: number) => ({ date: `2020-01-0${day}`, close: price });
  const definition = { code: 'X', name: 'X', method: 'fixed_weights', constituents: ['A', 'B'], terms } as const;
  const joining = [[close(2, 10), close(3, 10)], [1, 2, 3, 4].map((day) => close(day, 20))];
  t.throws(() => runIndex(definition, joining), { instanceOf: RangeError, message: /not from 1e-220/ });
});
