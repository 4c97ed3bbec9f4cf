import test from 'ava';
import * as fc from 'fast-check';
import { nonFiniteIn } from '#src/kernel/finite.ts';
import { planIndex } from '#src/market-data/indexes/calculation/index-plan.ts';
import { indexMethodRules, indexMethods } from '#src/market-data/indexes/index-methods.ts';
import type { IndexDefinition } from '#src/market-data/indexes/universes.ts';
import { explainedDay } from '#src/market-data/reads/explained-day.ts';
import { maxNumber, maxSplitProduct, minNumber } from '#src/market-data/series/number-range.ts';
import { runIndex, type Action } from '#testkit/market-data/index-points.ts';
import { setupUploads } from '../uploads/setup.ts';

const symbols = ['A', 'B', 'C'];
const dayOf = (day: number): string => `2020-01-0${day + 1}`;
const days = 6;
const number = fc.constantFrom(minNumber, 1, maxNumber);
const listOf = <T>(value: fc.Arbitrary<T>) => fc.array(value, { minLength: days, maxLength: days });
const action = fc.record(
  {
    symbol: fc.constantFrom(...symbols),
    day: fc.nat(days - 1),
    shares: number,
    dividend: number,
    split: fc.constantFrom(1 / maxSplitProduct, 1e5, maxSplitProduct),
  },
  { requiredKeys: ['symbol', 'day'] },
);
const weight = fc.constantFrom(1e-9, 0.5, 1);
const membership = fc.record({ weight, from: fc.nat(3), to: fc.integer({ min: 3, max: days }) });

for (const method of indexMethods) {
  test(`${method}: numbers at both ends of their range are refused, or their explanation has only finite numbers`, (t) => {
    const { maxConstituents, rebalances, holds } = indexMethodRules[method];
    const used = symbols.slice(0, maxConstituents);
    let explained = 0;
    const tuple = fc.tuple(
      fc.array(listOf(number), { minLength: 3, maxLength: 3 }),
      fc.uniqueArray(action, { selector: ({ symbol, day }) => `${symbol} ${day}`, maxLength: 6 }),
      fc.array(membership, { minLength: 3, maxLength: 3 }),
      fc.constantFrom(...rebalances),
      fc.constantFrom('price' as const, 'total' as const),
      fc.array(number, { minLength: 3, maxLength: 3 }),
    );
    fc.assert(
      fc.property(tuple, ([closes, actions, memberships, rebalance, returnType, shares]) => {
        const terms = new Map(
          used.map((symbol, index) => {
            const { weight: part, from, to } = memberships[index]!;
            const isAlways = maxConstituents === 1;
            const dates = isAlways ? {} : { from: dayOf(from), to: dayOf(to) };
            return [symbol, { ...(holds === 'given_weight' && { weight: part }), ...dates }];
          }),
        );
        const definition: IndexDefinition = {
          code: 'X',
          name: 'X',
          method,
          constituents: used,
          terms,
          rebalance,
          returnType,
        };
        const known = used.map((symbol, index): Action => ({ symbol, date: '2019-12-31', shares: shares[index]! }));
        const all = actions
          .filter(({ symbol }) => used.includes(symbol))
          .map(({ day, ...each }): Action => ({ ...each, date: dayOf(day) }));
        for (let end = 1; end <= days; end += 1) {
          const series = closes
            .slice(0, used.length)
            .map((list) => list.slice(0, end).map((close, day) => ({ date: dayOf(day), close })));
          const until = all.filter(({ date }) => date <= dayOf(end - 1));
          let run;
          try {
            run = runIndex(definition, series, [...known, ...until]);
          } catch (error) {
            if (error instanceof RangeError) return;
            throw error;
          }
          if (run.last?.result.value === undefined) continue;
          explained += 1;
          const explanation = explainedDay(planIndex(definition, '1day'), { ...run.last, state: run.state });
          t.is(nonFiniteIn(explanation), undefined, JSON.stringify(explanation));
          if (explanation.divisor !== null) t.true(explanation.divisor > 0);
        }
      }),
      { numRuns: 400 },
    );
    t.true(explained > 400, `${explained} explanations`);
  });
}

const header = 'symbol,date,close,shares\n';
const indexes = (['equal_weighted', 'capitalization_weighted', 'price_weighted'] as const).map((method) => ({
  code: method.toUpperCase(),
  name: method,
  method,
  constituents: [{ symbol: 'AAA' }],
}));

test.serial(
  'numbers outside of their range are refused with it, and what is stored of them is never a 500',
  async (t) => {
    const { send, get, admin, refreshes } = await setupUploads(t, { indexes });
    for (const [row, column] of [
      ['AAA,2024-01-02,1e-310,', 'close'],
      ['AAA,2024-01-02,9e-101,', 'close'],
      ['AAA,2024-01-02,1.1e15,', 'close'],
      ['AAA,2024-01-02,1,1e-200', 'shares'],
    ] as const) {
      const { status, body } = await send(`${header}${row}\n`);
      t.is(status, 422, row);
      t.like((body['errors'] as unknown[])[0], {
        code: 'out_of_range',
        column,
        detail: `${column} must be from 1e-100 to 1e15`,
      });
    }
    for (const row of ['1e-100,1e-100', '1e15,1e15', '1,1']) {
      const { status } = await send(`${header}AAA,2024-01-02,${row}\nAAA,2024-01-03,${row}\n`, {
        query: '?mode=replace',
      });
      t.is(status, 200, row);
      for (const { code } of indexes) {
        const explained = await get<{ value: number }>(`/indexes/${code}/explain`);
        t.is(explained.value, 1000, `${code} ${row}`);
      }
    }
    // Rows of an earlier version, which had no lower end of the range.
    await admin.query(`update price set close = case when date = '2024-01-02' then 1e-310 else 1.1e-310 end`);
    await admin.query('update market_index set calculation = null');
    await refreshes.run({ universe: 'desk', trigger: 'request' });
    for (const { code } of indexes) {
      const { code: problem } = await get(`/indexes/${code}/explain?date=2024-01-03`, 409);
      t.is(problem, 'index_not_calculated', code);
    }
  },
);
