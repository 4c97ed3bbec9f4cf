import { AppError } from '#src/kernel/catalogue/errors.ts';
import { isCalendarDate } from '#src/kernel/calendar.ts';
import type { PriceBar } from './provider.ts';

const badLine = (line: number, problem: string): AppError =>
  new AppError('external_api_bad_response', `Sample data, line ${line}: ${problem}`);

type Cells = { readonly line: number; readonly cells: readonly string[] };

/** Rows of a CSV without quoting. The header must equal `header`, and every row must have as many cells. */
const rowsOf = (text: string, header: string): Cells[] => {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  if (lines[0] !== header) throw badLine(1, `expected the header ${header}`);
  const width = header.split(',').length;
  return lines.slice(1).map((content, index) => {
    const line = index + 2;
    const cells = content.split(',');
    if (cells.length !== width) throw badLine(line, `expected ${width} cells`);
    return { line, cells };
  });
};

const plainNumber = /^\d{1,15}(\.\d{1,12})?$/;

const numberOf = (cell: string | undefined, line: number): number => {
  if (cell === undefined || !plainNumber.test(cell)) throw badLine(line, 'expected a plain number');
  return Number(cell);
};

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const writtenDate = /^([A-Z][a-z]{2}) (\d{1,2}) (\d{4})$/;

/**
 * Converts `Jan 1 2000` to `2000-01-01`; undefined for other texts. It does not use `Date.parse`, because that depends
 * on the time zone.
 */
export const parseWrittenDate = (text: string): string | undefined => {
  const [, month = '', day = '', year = ''] = writtenDate.exec(text) ?? [];
  const position = months.indexOf(month) + 1;
  const date = `${year}-${String(position).padStart(2, '0')}-${day.padStart(2, '0')}`;
  return position > 0 && isCalendarDate(date) ? date : undefined;
};

/** Number of months since year 0. Consecutive months have consecutive numbers. */
const monthNumber = (date: string): number => Number(date.slice(0, 4)) * 12 + Number(date.slice(5, 7));

/**
 * Parses `symbol,date,price` rows with one close for each symbol and month, without gaps.
 * @returns the bars of each symbol, oldest first
 * @throws AppError `external_api_bad_response` with the number of the line
 */
export const parseMonthlyCloses = (text: string): Map<string, PriceBar[]> => {
  const series = new Map<string, PriceBar[]>();
  for (const { line, cells } of rowsOf(text, 'symbol,date,price')) {
    const [symbol = '', written = '', price] = cells;
    if (symbol === '') throw badLine(line, 'expected a symbol');
    const date = parseWrittenDate(written);
    if (date === undefined) throw badLine(line, 'expected a date such as Jan 1 2000');
    const bars = series.get(symbol) ?? [];
    const previous = bars.at(-1);
    if (previous && monthNumber(date) !== monthNumber(previous.date) + 1)
      throw badLine(line, 'expected the next month');
    bars.push({ date, open: null, high: null, low: null, close: numberOf(price, line), volume: null });
    series.set(symbol, bars);
  }
  return series;
};

/**
 * Parses `date,open,high,low,close,adjclose,volume` rows with one bar for each trading day, oldest first.
 * @throws AppError `external_api_bad_response` with the number of the line
 */
export const parseDailyBars = (text: string): PriceBar[] => {
  let previous = '';
  return rowsOf(text, 'date,open,high,low,close,adjclose,volume').map(({ line, cells }) => {
    const [date = '', ...numbers] = cells;
    if (!isCalendarDate(date)) throw badLine(line, 'expected a date such as 2000-01-03');
    if (date <= previous) throw badLine(line, 'expected a later date than the line before');
    previous = date;
    const [open = 0, high = 0, low = 0, close = 0, , volume = 0] = numbers.map((cell) => numberOf(cell, line));
    return { date, open, high, low, close, volume };
  });
};
