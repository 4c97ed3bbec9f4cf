import { CronExpressionParser } from 'cron-parser';

/** When something is repeated: a five-field cron in the time of a zone of the IANA database. */
export type Schedule = { readonly cron: string; readonly time_zone: string };

const cronShape = /^[\w*/,#-]+( [\w*/,#-]+){4}$/;

const parse = ({ cron, time_zone: tz }: Schedule, at: Date) =>
  CronExpressionParser.parse(cron, { currentDate: at, tz });

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
  cronShape.test(cron) && nextRun({ cron, time_zone: 'UTC' }, new Date(0)) !== undefined;

/** True for a name of the IANA database. Offsets such as `+01:00` are none. */
export const isTimeZone = (name: string): boolean => {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
};
