import { CronExpressionParser } from 'cron-parser';
import { dayMs } from '../calendar.ts';
import { oneSpelling } from './time-zones.ts';

/** When something is repeated: a five-field cron in the time of a zone of the IANA database. */
export type Schedule = { readonly cron: string; readonly time_zone: string };

const cronShape = /^[\w*/,#-]+( [\w*/,#-]+){4}$/;
/** The parser replaces an `H` by a random number each time it reads the expression. */
const hasRandomField = /\bH\b/i;

const parse = ({ cron, time_zone: tz }: Schedule, at: Date) =>
  CronExpressionParser.parse(cron, { currentDate: at, tz: oneSpelling(tz) });

/** The first run after an instant, in milliseconds; undefined if the schedule never runs. */
export const nextRun = (schedule: Schedule, after: Date): Date | undefined => {
  try {
    return parse(schedule, after).next().toDate();
  } catch {
    return undefined;
  }
};

/** Time between the last run before an instant and the next one after it; undefined if there is none. */
export const periodMs = (schedule: Schedule, at: Date): number | undefined => {
  try {
    return parse(schedule, at).next().getTime() - parse(schedule, at).prev().getTime();
  } catch {
    return undefined;
  }
};

/** Whether the job queue accepts the expression; it uses the same parser. An expression that never runs is none. */
export const isCron = (cron: string): boolean =>
  cronShape.test(cron) && !hasRandomField.test(cron) && nextRun({ cron, time_zone: 'UTC' }, new Date(0)) !== undefined;

/** Min time between two runs of a schedule that a caller sets. Each run leaves events in the audit trail, and prices have one bar a day or less. */
export const minMinutesBetweenRuns = 15;

/** Whether the minutes of the expression are so far apart, also across the end of an hour. */
export const hasMinPause = (cron: string): boolean => {
  const minutes = CronExpressionParser.parse(cron).fields.minute.values.map(Number);
  return minutes.every((minute, index) => (minutes[index + 1] ?? minutes[0]! + 60) - minute >= minMinutesBetweenRuns);
};

/** Longest time between two runs of a monthly schedule: from the first Monday of a month to that of the next one. */
const maxGapMs = 35 * dayMs;
const probeMs = 7 * dayMs;
/** A year without 29 February, so that a schedule on the 29th has its longest time without a run in it. */
const [probesFrom, probesTo] = [Date.UTC(2025, 0, 1), Date.UTC(2026, 0, 1)];

/** Each day of each month, or fixed days of each week: such an expression runs each week. */
const weeklyShape = /^\S+ \S+ \* \* [\d*,/-]+$/;

/**
 * Whether the expression runs in each month. The parser steps through all days between two runs, in one turn of the event
 * loop: a schedule for the fifth Sunday of February took 390 ms for each search, and the job queue searches each schedule
 * every 30 s.
 */
export const runsEachMonth = (cron: string): boolean => {
  // Nearly all expressions are weekly. The search below took a twentieth of the start of the service for the default ones.
  if (weeklyShape.test(cron) && isCron(cron)) return true;
  for (let at = probesFrom; at < probesTo; at += probeMs) {
    const next = nextRun({ cron, time_zone: 'UTC' }, new Date(at));
    if (next === undefined || next.getTime() - at > maxGapMs) return false;
  }
  return true;
};
