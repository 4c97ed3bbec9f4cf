import { exchanges, type Exchange } from '#src/kernel/trading-days/exchanges.ts';

/** The day counts by which two dates become years. ACT/365F is the default. */
export const dayCounts = ['ACT/365F', 'ACT/ACT ISDA', 'ACT/360', '30/360', 'BUS/252'] as const;
export type DayCount = (typeof dayCounts)[number];
export const defaultDayCount: DayCount = 'ACT/365F';

/** The exchange whose trading days BUS/252 counts if no other is named. */
export const defaultCalendar: Exchange = 'XNYS';

/** Members of an option that stand in place of `time_to_expiry`, `strike` and `option_type`. All are texts. */
export const conventionTexts = {
  contract: 'OCC option symbol, such as "AAPL  240621C00190000", in place of strike, expiry and option_type',
  expiry: 'Date, or instant with its offset (RFC 3339), of the expiry, in place of time_to_expiry',
  valuation_date: 'Date or instant for which the option is priced; required with expiry, contract and dated dividends',
  day_count: `How dates become years: ${dayCounts.join(', ')}; ${defaultDayCount} without it`,
  calendar: `Exchange whose trading days BUS/252 counts: ${exchanges.join(', ')}; ${defaultCalendar} without it`,
} as const;
export type ConventionName = keyof typeof conventionTexts;
export const conventionNames = Object.keys(conventionTexts) as readonly ConventionName[];

/** Members that a contract gives, so they must not be sent beside it. */
export const givenByContract = ['strike', 'option_type', 'expiry', 'time_to_expiry'] as const;
