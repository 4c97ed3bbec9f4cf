import { addDays } from '#src/kernel/calendar.ts';
import { firstDayOfPeriod, periodOf } from '../../series/periods.ts';
import type { IndexDay, MarketDay } from './index-day.ts';
import type { IndexPlan } from './index-plan.ts';
import { createPendingActions } from './pending-actions.ts';

/** The newest bar of an index. Days of the same period can still change it. */
type NewestBar = { date: string; readonly period: string; readonly closes: Float64Array };

/**
 * The day after which a calculation that continues from a state of the day `date` must get all days. It begins with the period of the state,
 * because actions of this period that came after the bar of their constituent count for the next bar. Null: all days.
 */
export const daysNeededAfter = (date: string, { interval }: Pick<IndexPlan, 'interval'>): string | null => {
  if (date === '') return null;
  return interval === '1day' ? date : addDays(firstDayOfPeriod(date, interval), -1);
};

/**
 * Makes the bars of an index from days: one for each period with a close, because the constituents can have their bars on
 * different days of a week or month (a holiday of one exchange, a halt, a running month). The bar has the latest of these days and
 * the latest close of each constituent. An action after the bar of its constituent counts for the next bar, because the close is in the
 * shares of before.
 */
export const createBarCollector = (
  { interval, pricesFrom }: Pick<IndexPlan, 'interval' | 'pricesFrom'>,
  assets: readonly number[],
) => {
  const positions = new Map(assets.map((asset, position) => [asset, position]));
  /** The actions that are effective before the closes of the newest bar, and those after it. */
  const due = createPendingActions();
  const later = createPendingActions();
  let newest: NewestBar | undefined;

  /** Undefined if no constituent has one that counts. */
  const closesOf = (day: MarketDay): Float64Array | undefined => {
    if (day.assets.length === 0 || (pricesFrom !== undefined && day.date < pricesFrom)) return undefined;
    const closes = new Float64Array(assets.length).fill(NaN);
    let isPriced = false;
    for (const [index, asset] of day.assets.entries()) {
      const position = positions.get(asset);
      if (position === undefined) continue;
      closes[position] = day.closes[index]!;
      isPriced = true;
    }
    return isPriced ? closes : undefined;
  };

  const take = (): IndexDay | undefined => {
    if (!newest) return undefined;
    const { date, closes } = newest;
    newest = undefined;
    return { date, closes, actions: due.take() };
  };

  const extend = (bar: NewestBar, date: string, closes: Float64Array): void => {
    const isDue = (position: number): boolean => Number.isNaN(bar.closes[position]) || !Number.isNaN(closes[position]);
    for (const action of later.take()) (isDue(action.position) ? due : later).add(action);
    bar.date = date;
    for (const [position, close] of closes.entries()) if (!Number.isNaN(close)) bar.closes[position] = close;
  };

  return {
    /** Days must be given in order. @returns the bar before, if the day begins a new one */
    add: (day: MarketDay): IndexDay | undefined => {
      // Numbers of shares are in force from their day on, so actions count that are earlier than the first bar.
      for (const { asset, ...action } of day.actions) {
        const position = positions.get(asset);
        if (position !== undefined) later.add({ ...action, position });
      }
      const closes = closesOf(day);
      if (!closes) return undefined;
      const period = periodOf(day.date, interval);
      if (newest?.period === period) {
        extend(newest, day.date, closes);
        return undefined;
      }
      const before = take();
      for (const action of later.take()) due.add(action);
      newest = { date: day.date, period, closes };
      return before;
    },
    /** The newest bar. It must be called after the last day. */
    take,
  };
};
