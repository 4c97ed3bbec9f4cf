import { z } from 'zod';
import { isCron } from '../kernel/time/schedules.ts';

export const cron = z
  .string()
  .refine(isCron, 'must be a five-field cron such as 30 3 * * * (minute, hour, day, month, day of the week)');

/** For example `tech5=0 5 * * *;sp500=30 5 * * 1-5`: a five-field cron for each name. */
export const schedules = z.string().transform((value, issues): ReadonlyMap<string, string> => {
  const found = new Map<string, string>();
  const wrong: string[] = [];
  for (const item of value.split(';').filter((each) => each.trim() !== '')) {
    const [name = '', expression = ''] = item.split('=').map((each) => each.trim());
    if (!/^[\w-]+$/.test(name) || !isCron(expression)) wrong.push(item);
    found.set(name, expression);
  }
  if (wrong.length > 0) {
    issues.addIssue({
      code: 'custom',
      message: 'must be like tech5=0 5 * * *;sp500=30 5 * * 1-5, with a five-field cron for each universe',
    });
  }
  return found;
});
