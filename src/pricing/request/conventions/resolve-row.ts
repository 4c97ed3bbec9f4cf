import type { FieldError } from '#src/kernel/catalogue/errors.ts';
import { memberPointer } from '#src/kernel/json-pointer.ts';
import { listed } from '#src/kernel/requests/nearest-name.ts';
import { calendarYears } from '#src/kernel/trading-days/business-days.ts';
import { exchanges, type Exchange } from '#src/kernel/trading-days/exchanges.ts';
import { maxDividends, timeToExpiry } from '../../models/inputs.ts';
import { choiceText, kindOf, memberError, notTogetherText, tooManyDividendsText } from '../messages.ts';
import { isRow, type Row } from '../rows.ts';
import { readContract } from './contract.ts';
import {
  conventionNames,
  dayCounts,
  defaultCalendar,
  defaultDayCount,
  givenByContract,
  type DayCount,
} from './convention-members.ts';
import { isOfWholeDays, yearsBetween } from './day-count.ts';
import { readMoment, type Moment } from './moment.ts';
import { givenText, momentText } from './moment-text.ts';

/** A row whose dates and contract are replaced by the inputs of the models. */
export type ResolvedRow = {
  readonly row: Row;
  /** The members that the answer repeats beside the inputs; undefined if the row had no date and no contract. */
  readonly echo?: Row;
};

/** Where dates are counted from, and how. */
type Counting = {
  readonly from: Moment;
  readonly text: unknown;
  readonly dayCount: DayCount;
  readonly calendar: Exchange;
};

const isDated = (item: unknown): item is Row => isRow(item) && item['date'] !== undefined;
const hasDatedDividends = ({ dividends }: Row): boolean => Array.isArray(dividends) && dividends.some(isDated);
/** Whether the row has a date that is counted from its valuation date. */
export const needsValuationDate = (row: Row): boolean =>
  row['expiry'] !== undefined || row['contract'] !== undefined || hasDatedDividends(row);
/**
 * Whether a row has members that `resolveRow` replaces. It runs for each row of a batch, and members by name are read ten
 * times as fast as by a variable.
 */
export const hasConventions = ({
  contract,
  expiry,
  valuation_date: from,
  day_count: dayCount,
  calendar,
  dividends,
}: Row): boolean =>
  contract !== undefined ||
  expiry !== undefined ||
  from !== undefined ||
  dayCount !== undefined ||
  calendar !== undefined ||
  (dividends !== undefined && hasDatedDividends({ dividends }));

const [firstDayMs, lastDayMs] = [Date.parse(calendarYears.from), Date.parse(calendarYears.to)];
const isInCalendar = ({ ms }: Moment): boolean => ms >= firstDayMs && ms <= lastDayMs;
const plainDayCounts = listed(dayCounts.filter((name) => name !== 'BUS/252'));
const calendarText = (name: string, value: unknown): string =>
  `${name} must be from ${calendarYears.from} to ${calendarYears.to} for BUS/252, not ${givenText(value)}: ` +
  `send such a date, or the day_count ${plainDayCounts}`;

/** A text of a valuation date that is missing. A date as an example could be after the dates that were sent. */
const noValuationDate = ({ contract, expiry }: Row): string => {
  const what = 'the date (YYYY-MM-DD) or instant for which the option is priced';
  if (contract === undefined && expiry === undefined) {
    return `valuation_date is required with the date of a dividend: send it beside dividends; it is ${what}, and each dividend must be later`;
  }
  const dated = contract === undefined ? 'expiry' : 'contract';
  return `valuation_date is required with ${dated}: send ${what}, on or before the expiry`;
};

/** What gives an effect to a member that only counts dates. */
const withoutDatesText = (name: string, { valuation_date: from, time_to_expiry: years }: Row): string => {
  const added = from === undefined ? 'expiry and valuation_date' : 'expiry';
  const replaced = years === undefined ? '' : ' in place of time_to_expiry';
  return `${name} has no effect without expiry, contract or a dividend with a date: remove it, or send ${added}${replaced}`;
};

const readCounting = (row: Row, at: string): Counting | FieldError[] => {
  const { valuation_date: text, day_count: dayCount = defaultDayCount, calendar = defaultCalendar } = row;
  const errors: FieldError[] = [];
  const from = readMoment(text);
  if (text === undefined) {
    errors.push(memberError(at, 'valuation_date', 'required', noValuationDate(row)));
  } else if (from === undefined) {
    errors.push(memberError(at, 'valuation_date', 'invalid_value', momentText('valuation_date', text)));
  }
  if (!dayCounts.some((known) => known === dayCount)) {
    errors.push(memberError(at, 'day_count', 'invalid_value', choiceText('day_count', dayCounts, dayCount)));
  }
  if (!exchanges.some((known) => known === calendar)) {
    errors.push(memberError(at, 'calendar', 'invalid_value', choiceText('calendar', exchanges, calendar)));
  } else if (row['calendar'] !== undefined && dayCount !== 'BUS/252') {
    const detail = 'calendar has no effect without day_count BUS/252: remove it, or send that day_count';
    errors.push(memberError(at, 'calendar', 'conflict', detail));
  }
  if (dayCount === 'BUS/252' && from !== undefined && !isInCalendar(from)) {
    errors.push(memberError(at, 'valuation_date', 'out_of_range', calendarText('valuation_date', text)));
  }
  if (errors.length > 0 || from === undefined) return errors;
  return { from, text, dayCount: dayCount as DayCount, calendar: calendar as Exchange };
};

/** Years until the date or instant of a member, or its error. Zero years are allowed for the expiry only. */
const readYears = (
  { from, text, dayCount, calendar }: Counting,
  name: 'expiry' | 'date',
  value: unknown,
  /** Called for an error only, because a list has up to 1,000 dates. */
  pointerOf: () => string,
): number | FieldError => {
  const to = readMoment(value);
  const error = (code: string, detail: string): FieldError => memberError(pointerOf(), name, code, detail);
  if (to === undefined) return error('invalid_value', momentText(name, value));
  if (isOfWholeDays(dayCount) && !(from.isDate && to.isDate)) {
    return error('unsupported', `${dayCount} counts whole days: send dates, or another day_count`);
  }
  if (dayCount === 'BUS/252' && name === 'date') {
    // All moments of a closed time have the same count, so the order of payment and expiry would be lost.
    const detail = 'BUS/252 counts trading days, and dividends are paid on any day: send time, or another day_count';
    return error('unsupported', detail);
  }
  if (dayCount === 'BUS/252' && !isInCalendar(to)) {
    return error('out_of_range', calendarText(name, value));
  }
  const years = yearsBetween(dayCount, from.ms, to.ms, calendar);
  // The order of the moments decides too, because 30/360 counts 0 days between the 30th and the 31st.
  if (to.ms < from.ms || years < 0 || (years === 0 && name === 'date')) {
    const day = `the valuation date (${givenText(text)})`;
    const detail = `${name} must be ${name === 'date' ? `after ${day}` : `${day} or later`}, not ${givenText(value)}`;
    return error('out_of_range', detail);
  }
  if (years <= timeToExpiry.maximum) return years;
  return error(
    'out_of_range',
    `${name} must be at most ${timeToExpiry.maximum} years after valuation_date ${givenText(text)}, not ${givenText(value)}`,
  );
};

/** The strike, the type and the expiry of a contract, or its errors. */
const openContract = (row: Row, at: string): Row | FieldError[] => {
  if (row['contract'] === undefined) return row;
  const contract = readContract(row['contract']);
  if (contract === undefined) {
    const detail =
      'contract must be an OCC option symbol such as "AAPL  240621C00190000" (root, padded ' +
      `with spaces to six characters; yymmdd; C or P; strike times 1000 in eight digits), not ${kindOf(row['contract'])}`;
    return [memberError(at, 'contract', 'invalid_value', detail)];
  }
  const repeated = givenByContract.filter((name) => row[name] !== undefined);
  if (repeated.length === 0) return { ...row, ...contract };
  return repeated.map((name) =>
    memberError(at, name, 'conflict', `contract already contains the ${name}: remove ${name}`),
  );
};

const withoutDates = (row: Row): Record<string, unknown> => {
  const rest: Record<string, unknown> = { ...row };
  for (const name of conventionNames) delete rest[name];
  return rest;
};

/** Further dates are not read, because the text of an error takes twenty times as long as a date, and an answer shows few. */
const maxDateErrors = 50;

/** The dividends with the time of each date, and what the reader of dividends knows of them: their times. Errors are added to `errors`. */
const timesOf = (items: readonly unknown[], counting: Counting, at: string, errors: FieldError[]) => {
  const echoed: unknown[] = [];
  const timed: unknown[] = [];
  for (const [index, item] of items.entries()) {
    if (!isDated(item)) {
      echoed.push(item);
      timed.push(item);
      continue;
    }
    const pointerOf = (): string => memberPointer(at, index);
    if (item['time'] !== undefined) {
      errors.push(memberError(pointerOf(), 'date', 'conflict', notTogetherText('date', 'time')));
    }
    const time = readYears(counting, 'date', item['date'], pointerOf);
    if (typeof time !== 'number') errors.push(time);
    if (errors.length >= maxDateErrors) break;
    echoed.push({ ...item, time });
    const { date: _, ...others } = item;
    timed.push({ ...others, time });
  }
  return { echoed, timed };
};

const isErrors = (value: unknown): value is FieldError[] => Array.isArray(value);

/**
 * Replaces contract, expiry and dated dividends of a row by the inputs of the models. Rows without them are returned as
 * they are.
 * @param at the JSON Pointer of the row
 */
export const resolveRow = (given: Row, at: string): ResolvedRow | FieldError[] => {
  if (!hasConventions(given)) return { row: given };
  const row = openContract(given, at);
  if (isErrors(row)) return row;
  const { expiry, dividends } = row;
  const areDividendsDated = hasDatedDividends(row);
  if (expiry === undefined && !areDividendsDated) {
    return (['valuation_date', 'day_count', 'calendar'] as const)
      .filter((name) => row[name] !== undefined)
      .map((name) => memberError(at, name, 'conflict', withoutDatesText(name, row)));
  }
  const counting = readCounting(row, at);
  if (isErrors(counting)) return counting;
  const resolved = withoutDates(row);
  const echo: Record<string, unknown> = { valuation_date: counting.text, day_count: counting.dayCount };
  if (counting.dayCount === 'BUS/252') echo['calendar'] = counting.calendar;
  const errors: FieldError[] = [];
  if (expiry !== undefined) {
    if (row['time_to_expiry'] !== undefined) {
      const remedy = 'remove time_to_expiry, or remove expiry, and valuation_date if no other date needs it';
      errors.push(memberError(at, 'expiry', 'conflict', notTogetherText('expiry', 'time_to_expiry', remedy)));
    }
    const years = readYears(counting, 'expiry', expiry, () => at);
    if (typeof years !== 'number') errors.push(years);
    resolved['time_to_expiry'] = years;
    echo['expiry'] = expiry;
    if (given['contract'] !== undefined) echo['contract'] = given['contract'];
  }
  const items = areDividendsDated ? (dividends as unknown[]) : [];
  // Before their dates are read, because a body has room for 100,000 dates.
  if (items.length > maxDividends) {
    errors.push(memberError(at, 'dividends', 'invalid_length', tooManyDividendsText(items.length)));
  } else if (areDividendsDated) {
    const { echoed, timed } = timesOf(items, counting, memberPointer(at, 'dividends'), errors);
    resolved['dividends'] = timed;
    // The answer repeats the dates.
    echo['dividends'] = echoed;
  }
  return errors.length > 0 ? errors : { row: resolved, echo };
};
