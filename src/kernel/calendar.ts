/** Milliseconds of a UTC day. */
export const dayMs = 86_400_000;

/** Returns the UTC day of an instant as `YYYY-MM-DD`. */
export const utcDay = (instant: Date): string => instant.toISOString().slice(0, 10);

/** The last day whose text has ten characters. The text of a later day is longer, so it cannot be compared as a text. */
export const lastDay = '9999-12-31';

/** Returns the day that is `days` after `day` as `YYYY-MM-DD`, at most `lastDay`. */
export const addDays = (day: string, days: number): string => {
  const at = Date.parse(day) + days * dayMs;
  return at > Date.parse(lastDay) ? lastDay : utcDay(new Date(at));
};

const calendarDate = /^[1-9]\d{3}-\d{2}-\d{2}$/;

/** True if `text` is an existing day in the format `YYYY-MM-DD`, year 1000 or later. */
export const isCalendarDate = (text: string): boolean => {
  if (!calendarDate.test(text)) return false;
  const instant = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(instant.getTime()) && utcDay(instant) === text;
};
