import test from 'ava';
import { createRandom } from '#load/histories/random.ts';
import type { ConstituentAction } from '#src/market-data/indexes/calculation/index-day.ts';
import { planIndex } from '#src/market-data/indexes/calculation/index-plan.ts';
import { emptyState, type IndexState } from '#src/market-data/indexes/calculation/index-state.ts';
import { stepIndex } from '#src/market-data/indexes/calculation/index-step.ts';
import { createPendingActions } from '#src/market-data/indexes/calculation/pending-actions.ts';
import { indexMethods, type IndexMethod } from '#src/market-data/indexes/index-methods.ts';

const planOf = (method: IndexMethod) => {
  const constituents = method === 'rebased' ? ['A'] : ['A', 'B', 'C'];
  const terms = new Map(constituents.map((symbol) => [symbol, { weight: 1 / 3 }]));
  return planIndex(
    { code: 'X', name: 'X', method, constituents, terms, returnType: 'total', rebalance: 'never' },
    '1day',
  );
};

const count = 9_000;
/** Actions of three constituents: mostly numbers of shares and dividends, and some splits. */
const actionsOf = (seed: number, positions: number): ConstituentAction[] => {
  const random = createRandom(seed);
  return Array.from({ length: count }, (_, index) => ({
    position: random.below(positions),
    date: `2020-01-02 ${index}`,
    dividend: random.chance(0.3) ? random.next() / 1_000 : NaN,
    split: random.chance(0.005) ? 0.5 + random.next() : NaN,
    shares: random.chance(0.5) ? 1_000 + random.below(9_000) : NaN,
  }));
};

const numbersOf = ({ value, anchor, base, units, references, closes, shares }: IndexState): unknown => [
  [value, anchor, base],
  [...units],
  [...references],
  [...closes],
  [...shares],
];

for (const method of indexMethods) {
  test(`${method}: many actions before a bar are few after they are joined, and the index is the same to the last digit`, (t) => {
    const plan = planOf(method);
    const { length } = plan.constituents;
    const [whole, inParts] = [emptyState(plan), emptyState(plan)];
    for (const [day, close] of [10, 11, 12].entries()) {
      const actions = actionsOf(day + 1, length);
      const pending = createPendingActions();
      for (const action of actions) pending.add(action);
      const joined = pending.take();
      t.true(joined.length < count / 2 + 200, `${joined.length} are left`);
      const bar = { date: `2020-01-0${day + 2}`, closes: new Float64Array(length).fill(close) };
      const values = [
        stepIndex(plan, whole, { ...bar, actions }).value,
        stepIndex(plan, inParts, { ...bar, actions: joined }).value,
      ];
      t.truthy(values[0]);
      t.is(values[1], values[0]);
      t.deepEqual(numbersOf(inParts), numbersOf(whole));
    }
  });
}

test('actions without a bar need a bounded memory, whatever their number is', (t) => {
  const pending = createPendingActions();
  for (let day = 0; day < 100_000; day += 1) {
    pending.add({ position: day % 2, date: '2020-01-02', dividend: NaN, split: NaN, shares: 1 + day });
  }
  const left = pending.take();
  t.true(left.length <= 4_000, `${left.length} are left`);
  t.deepEqual(
    left.slice(-2).map(({ shares }) => shares),
    [99_999, 100_000],
  );
  t.deepEqual(pending.take(), []);
});
