import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { runInTurns, type Turns, type Steps } from '#src/kernel/streams/turns.ts';
import type { PriceBar } from '../providers/provider.ts';
import type { SeriesPlan } from '../series/series-plan.ts';
import { eachInSteps, mapInSteps } from '../series/steps.ts';
import { arrayLiteral } from '../sql.ts';
import { stagingTable } from './upload.ts';

// SQL: staged rows are marked as a set.

type HeldDay = { readonly position: number; readonly date: string };

type PlannedSeries = { readonly position: number; readonly bars: readonly PriceBar[]; readonly plan: SeriesPlan };

const countByDate = function* (dates: readonly { readonly date: string }[]): Steps<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  yield* eachInSteps(dates, ({ date }) => counts.set(date, (counts.get(date) ?? 0) + 1));
  return counts;
};

/**
 * The days of which no bar is believed. A day can have two lines in a file, and one of them can be stored. A bar that is
 * only replaced by a later one of its period has actions that count.
 */
const heldDays = function* ({ position, bars, plan }: PlannedSeries): Steps<HeldDay[]> {
  if (plan.heldBack !== undefined || plan.held.length === 0) return [];
  const staged = yield* countByDate(bars);
  const held = yield* countByDate(plan.held);
  const doubted = new Set<string>();
  return yield* mapInSteps(plan.held, ({ date, reason }) => {
    if (reason === 'second_in_period' || doubted.has(date) || held.get(date) !== staged.get(date)) return undefined;
    doubted.add(date);
    return { position, date };
  });
};

/**
 * Takes dividends and numbers of shares of bars that were held back out of the file. Otherwise a file of impossible bars would
 * store one for each day without a close, and each calculation of an index would read all of them before its first value.
 * Splits stay: a symbol has at most 100 of them, and later bars are in the new unit. What is stored for such a day stays
 * too, as its stored bar does, except if the file replaces all bars.
 * @returns the number of days whose stored actions stay
 */
export const holdActions = async (
  { query }: Pick<Transaction, 'query'>,
  series: readonly PlannedSeries[],
  turns: Turns,
): Promise<number> => {
  let staying = 0;
  for (const stays of [true, false]) {
    const days: HeldDay[] = [];
    for (const each of series.filter(({ plan }) => plan.removesAll !== stays)) {
      for (const day of await runInTurns(heldDays(each), turns)) days.push(day);
    }
    if (days.length === 0) continue;
    await query(
      `update ${stagingTable} as staged
       set dividend = null, shares = null, is_held = $4 and split_factor is null
       from unnest($1::int[], $2::date[]) as held (asset, date)
       where staged.asset = any($3::int[]) and staged.asset = held.asset and staged.date = held.date`,
      [
        arrayLiteral(days.map(({ position }) => position)),
        arrayLiteral(days.map(({ date }) => date)),
        arrayLiteral([...new Set(days.map(({ position }) => position))]),
        stays,
      ],
    );
    if (stays) staying = days.length;
  }
  return staying;
};
