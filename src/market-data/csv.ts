import { AppError } from '#src/kernel/errors.ts';
import { isCalendarDate } from './provider.ts';
import type { PriceBar } from './provider.ts';

const bad = (line: number, what: string): AppError =>
  new AppError('external_api_bad_response', `Sample data, line ${line}: ${what}`);

type Cells = { readonly line: number; readonly cells: readonly string[] };

/** Rows of a plain CSV (no quoting): the header must be exactly `header` and every row as wide as it. */
const rowsOf = (text: string, header: string): Cells[] => {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  if (lines[0] !== header) throw bad(1, `expected the header ${header}`);
  const width = header.split(',').length;
  return lines.slice(1).map((content, index) => {
    const line = index + 2;
    const cells = content.split(',');
    if (cells.length !== width) throw bad(line, `expected ${width} cells`);
    return { line, cells };
  });
};

const plainNumber = /^\d{1,15}(\.\d{1,12})?$/;

const numberOf = (cell: string | undefined, line: number): number => {
  if (cell === undefined || !plainNumber.test(cell)) throw bad(line, 'expected a plain number');
  return Number(cell);
};

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const writtenDate = /^([A-Z][a-z]{2}) (\d{1,2}) (\d{4})$/;

/** `Jan 1 2000` -> `2000-01-01`, without a detour over instants and their time zone; undefined for anything else. */
export const parseWrittenDate = (text: string): string | undefined => {
  const [, month = '', day = '', year = ''] = writtenDate.exec(text) ?? [];
  const position = months.indexOf(month) + 1;
  const date = `${year}-${String(position).padStart(2, '0')}-${day.padStart(2, '0')}`;
  return position > 0 && isCalendarDate(date) ? date : undefined;
};

/** Months since year 0, for telling neighbours. */
const monthNumber = (date: string): number => Number(date.slice(0, 4)) * 12 + Number(date.slice(5, 7));

/**
 * `symbol,date,price` with one close a month and symbol, months without gaps: symbol -> bars, oldest first.
 * @throws AppError `external_api_bad_response` naming the line
 */
export const parseMonthlyCloses = (text: string): Map<string, PriceBar[]> => {
  const series = new Map<string, PriceBar[]>();
  for (const { line, cells } of rowsOf(text, 'symbol,date,price')) {
    const [symbol = '', written = '', price] = cells;
    if (symbol === '') throw bad(line, 'expected a symbol');
    const date = parseWrittenDate(written);
    if (date === undefined) throw bad(line, 'expected a date such as Jan 1 2000');
    const bars = series.get(symbol) ?? [];
    const previous = bars.at(-1);
    if (previous && monthNumber(date) !== monthNumber(previous.date) + 1) throw bad(line, 'expected the next month');
    bars.push({ date, open: null, high: null, low: null, close: numberOf(price, line), volume: null });
    series.set(symbol, bars);
  }
  return series;
};

/**
 * `date,open,high,low,close,adjclose,volume`, one bar a trading day, ascending.
 * @throws AppError `external_api_bad_response` naming the line
 */
export const parseDailyBars = (text: string): PriceBar[] => {
  let previous = '';
  return rowsOf(text, 'date,open,high,low,close,adjclose,volume').map(({ line, cells }) => {
    const [date = '', ...numbers] = cells;
    if (!isCalendarDate(date)) throw bad(line, 'expected a date such as 2000-01-03');
    if (date <= previous) throw bad(line, 'expected a later date than the line before');
    previous = date;
    const [open = 0, high = 0, low = 0, close = 0, , volume = 0] = numbers.map((cell) => numberOf(cell, line));
    return { date, open, high, low, close, volume };
  });
};
