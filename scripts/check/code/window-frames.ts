import { readCode } from './source-code.ts';

/** A window whose first row moves, such as `between current row and unbounded following`. */
const movingStart = /between\s+(?!unbounded\s+preceding)[\w\s]+?\s+and\s+[\w\s]*?following/g;

/**
 * Windows of SQL whose start moves. PostgreSQL calculates an aggregate without an inverse, such as `min`, anew for each of their rows, so the
 * time grows with the square of the rows: 50,000 days of one series take a minute.
 */
export const windowFrameFaults = (files = readCode()): string[] =>
  [...files].flatMap(([path, code]) =>
    [...code.matchAll(movingStart)].map(
      ({ 0: frame, index }) =>
        `${path}:${code.slice(0, index).split('\n').length}: the window "${frame}" moves its start. Turn the order round and use "between unbounded preceding and current row".`,
    ),
  );
