/**
 * Rewrites a file of rules for a run of minutes. Windows of causes become 4 s. The windows of service levels become 60 times
 * shorter, so that an hour is a minute and the alerts on budgets fire too.
 */
export const shortWindows = (rules: string, file: string): string =>
  file === 'slo.yml' ? sixtyTimesShorter(rules) : windowsOfSeconds(rules);

const windowsOfSeconds = (rules: string): string =>
  rules
    .replaceAll(/\[(?:(?:1|2|5|10|15)m|30s)\]/g, '[4s]')
    .replaceAll('[1h] offset 10m', '[10s] offset 4s')
    .replaceAll(/for: \w+/g, 'for: 1s')
    // The schedules of the stack are daily: 20 s after the last refresh in place of 12 h after the missed one.
    .replaceAll('12 * 3600', '20 - 86400');

const secondsIn: Readonly<Record<string, number>> = { m: 60, h: 3_600, d: 86_400 };
const ratio = 60;

const sixtyTimesShorter = (rules: string): string =>
  rules
    // The level of fresh data has the same 20 s, in place of two days.
    .replaceAll(/> bool 2 \* (max by \(universe\) \(\w+\))/g, '> bool $1 - 86380')
    .replaceAll(
      /(\[|offset )(\d+)([mhd])/g,
      (_, before: string, count: string, unit: string) => `${before}${(Number(count) * secondsIn[unit]!) / ratio}s`,
    )
    // Events of a window: a rate times its seconds, or a number divided by them.
    .replaceAll(
      /([*/]) (60|300|\d{4,})\b/g,
      (_, sign: string, seconds: string) => `${sign} ${Number(seconds) / ratio}`,
    );
