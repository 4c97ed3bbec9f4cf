import { readCode } from './source-code.ts';
import { stripTypeScriptTypes } from 'node:module';
import { parse, type Token } from 'acorn';
import { analyse } from 'scslre';

type Expression = { readonly line: number; readonly pattern: string; readonly flags: string };

/** The literal regular expressions of a TypeScript file. */
const expressionsIn = (code: string): Expression[] => {
  const tokens: Token[] = [];
  // Only the parser knows whether a slash begins an expression.
  parse(stripTypeScriptTypes(code), { ecmaVersion: 'latest', sourceType: 'module', locations: true, onToken: tokens });
  return tokens.flatMap((token) => {
    if (token.type.label !== 'regexp') return [];
    const { pattern, flags } = (token as Token & { readonly value: Omit<Expression, 'line'> }).value;
    return [{ line: token.loc!.start.line, pattern, flags }];
  });
};

const patterns = ['src/**/*.ts', 'clients/typescript/src/**/*.ts'];

/**
 * Regular expressions whose time grows faster than their input. A caller decides many inputs, and the event loop does no
 * other work meanwhile. So all of them must be linear, also those whose input comes from an operator today.
 */
export const expressionFaults = (files = readCode(patterns)): string[] =>
  [...files].flatMap(([path, code]) =>
    expressionsIn(code).flatMap(({ line, pattern, flags }) => {
      const { reports } = analyse({ source: pattern, flags }, { maxReports: 1 });
      return reports.map(({ exponential }) => {
        const growth = exponential ? 'exponential' : 'at least quadratic';
        return `${path}:${line}: the time of /${pattern}/${flags} is ${growth} in its input. Let no two repetitions match the same characters.`;
      });
    }),
  );
