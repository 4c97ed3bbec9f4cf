import { CronExpressionParser } from 'cron-parser';
import { oneSpelling } from './time-zones.ts';

/** When something is repeated: a five-field cron in the time of a zone of the IANA database. */
export type Schedule = { readonly cron: string; readonly time_zone: string };

/** A number, or a name of a month or a day. The parser refuses those that a field does not have. */
const value = String.raw`(?:\d{1,2}|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat)`;
/** A value, a range or all values, each with a step; the last day, or the last or a numbered day of the week. */
const item = String.raw`(?:(?:\*|${value}(?:-${value})?)(?:/[1-9]\d?)?|(?:${value})?L|${value}#[1-5])`;
const field = `${item}(?:,${item})*`;
/**
 * The parser must see nothing else. A step such as `1e-99` never ends its loop, and an `H` in any place is a random number, another one each
 * time the expression is read.
 */
const cronShape = new RegExp(`^${field}(?: ${field}){4}$`, 'i');
/** A list has at most as many items as a field of minutes has values. */
const maxLength = 200;

const isShaped = (cron: string): boolean => cron.length <= maxLength && cronShape.test(cron);

/** @throws Error if the expression is not one */
const parseFields = (cron: string, options?: Parameters<typeof CronExpressionParser.parse>[1]) => {
  if (!isShaped(cron)) throw new Error('The schedule is no five-field cron');
  return CronExpressionParser.parse(cron, options);
};

const parse = ({ cron, time_zone: tz }: Schedule, at: Date) =>
  parseFields(cron, { currentDate: at, tz: oneSpelling(tz) });

/** The first run after an instant, in milliseconds; undefined if the schedule never runs. */
export const nextRun = (schedule: Schedule, after: Date): Date | undefined => {
  try {
    return parse(schedule, after).next().toDate();
  } catch {
    return undefined;
  }
};

/** The last run before an instant and the next one after it, in milliseconds. */
export type RunsAround = { readonly previous: number; readonly next: number };

/** Undefined if the schedule never runs. The search takes 0.3 to 1.5 ms, so whoever asks often must remember the answer. */
export const runsAround = (schedule: Schedule, at: Date): RunsAround | undefined => {
  try {
    return { previous: parse(schedule, at).prev().getTime(), next: parse(schedule, at).next().getTime() };
  } catch {
    return undefined;
  }
};

type Days = {
  readonly months: readonly number[];
  /** True if a day of the week is in each month, such as each Monday, the first or the last one. */
  readonly hasMonthlyWeekday: boolean;
  readonly hasWeekday: boolean;
  readonly hasLastDay: boolean;
  /** First day of the month; undefined if the days of the week decide alone. */
  readonly firstDay: number | undefined;
};

/** The days by the fields of the expression, because a search for runs steps through all days in one turn of the event loop. */
const daysOf = (cron: string): Days | undefined => {
  try {
    const { month, dayOfMonth, dayOfWeek } = parseFields(cron).fields;
    // With both fields restricted, a day of either one counts. With one restricted, it decides.
    const hasDay = !dayOfMonth.isWildcard || dayOfWeek.isWildcard;
    return {
      months: month.values.map(Number),
      hasWeekday: !dayOfWeek.isWildcard,
      // The fifth Monday is in four or five months of a year.
      hasMonthlyWeekday: !dayOfWeek.isWildcard && (dayOfWeek.nthDay < 5 || dayOfWeek.hasLastChar),
      hasLastDay: hasDay && dayOfMonth.hasLastChar,
      firstDay: hasDay ? Math.min(...dayOfMonth.values.map(Number).filter(Number.isFinite)) : undefined,
    };
  } catch {
    return undefined;
  }
};

const maxDaysOfMonth = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** Whether the job queue accepts the expression; it uses the same parser. An expression that never runs is none. */
export const isCron = (cron: string): boolean => {
  const days = daysOf(cron);
  if (!days) return false;
  const { months, hasWeekday, hasLastDay, firstDay = Infinity } = days;
  return hasWeekday || hasLastDay || months.some((month) => firstDay <= maxDaysOfMonth[month - 1]!);
};

/** Min time between two runs of a schedule that a caller sets. Each run leaves events in the audit trail, and prices have one bar a day or less. */
export const minMinutesBetweenRuns = 15;

/** Whether the minutes of the expression are so far apart, also across the end of an hour. */
export const hasMinPause = (cron: string): boolean => {
  const minutes = parseFields(cron).fields.minute.values.map(Number);
  return minutes.every((minute, index) => (minutes[index + 1] ?? minutes[0]! + 60) - minute >= minMinutesBetweenRuns);
};

/** The shortest month has as many days. */
const daysOfEachMonth = 28;

/**
 * Whether the expression runs in each month. The parser steps through all days between two runs, in one turn of the event
 * loop: a schedule for the fifth Sunday of February took 390 ms for each search, and the job queue searches each schedule
 * every 30 s.
 */
export const runsEachMonth = (cron: string): boolean => {
  const days = daysOf(cron);
  if (days?.months.length !== 12) return false;
  const { hasMonthlyWeekday, hasLastDay, firstDay = Infinity } = days;
  return hasMonthlyWeekday || hasLastDay || firstDay <= daysOfEachMonth;
};
