import { z } from 'zod';
import { isCron, runsEachMonth } from '../kernel/time/schedules.ts';

export const cron = z
  .string()
  .refine(isCron, 'must be a five-field cron such as 30 3 * * * (minute, hour, day, month, day of the week)');

/**
 * For example `tech5=0 5 * * *;sp500=30 5 * * 1-5`: a five-field cron for each name. An empty text is no schedule. A text of
 * spaces and semicolons only is refused, because something was left out.
 */
export const schedules = z.string().transform((value, issues): ReadonlyMap<string, string> => {
  const found = new Map<string, string>();
  const wrong: string[] = [];
  const items = value.split(';').filter((each) => each.trim() !== '');
  for (const item of items) {
    const [name = '', expression = '', ...rest] = item.split('=').map((each) => each.trim());
    const isUsable = /^[\w-]+$/.test(name) && isCron(expression) && runsEachMonth(expression);
    if (!isUsable || rest.length > 0 || found.has(name)) wrong.push(item);
    found.set(name, expression);
  }
  if (wrong.length > 0 || (items.length === 0 && value !== '')) {
    issues.addIssue({
      code: 'custom',
      message:
        'must be like tech5=0 5 * * *;sp500=30 5 * * 1-5, with one five-field cron for each universe that runs in each month',
    });
  }
  return found;
});
