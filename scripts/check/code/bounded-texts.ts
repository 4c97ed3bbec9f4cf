import { readCode } from './source-code.ts';

/** The only place of a `max` of texts. */
const home = 'src/kernel/requests/texts/bounded-text.ts';
/** The variables of the configuration are texts of the operator. */
const ofOperator = 'src/config/';
/** Texts whose checks only cut them at commas. The limits of the request target bound them. */
const listsOfNames = new Set(['src/kernel/lists/pagination.ts', 'src/market-data/reads/schemas.ts']);
/** Functions that look at the length first, or that read a text once and copy it. */
const forAnyLength = new Set(['isTimeZone', 'storable', 'cut', 'unlessLong']);

const bases = /\bz\s*\.(?<base>string|email|url|httpUrl|uuid|iso\s*\.\w+)\(/g;
const next = /^\s*\.(\w+)\(/;
const bounds = new Set(['max', 'length']);
/** They run also after a failed check that does not abort. */
const goesOn = new Set(['refine', 'superRefine', 'check', 'overwrite', 'normalize']);
/** They run after successful checks only. */
const isBehind = new Set(['transform', 'pipe']);

type Call = { readonly name: string; readonly input: string };

/** The position behind the bracket that closes the one before `start`. Brackets in texts and expressions come in pairs or do not matter here. */
const endOf = (code: string, start: number): number => {
  let depth = 1;
  let at = start;
  while (depth > 0 && at < code.length) {
    if (code[at] === '(') depth += 1;
    if (code[at] === ')') depth -= 1;
    at += 1;
  }
  return at;
};

const callsFrom = (code: string, start: number): Call[] => {
  const calls: Call[] = [];
  let end = endOf(code, start);
  for (let match = next.exec(code.slice(end)); match; match = next.exec(code.slice(end))) {
    const begin = end + match[0].length;
    end = endOf(code, begin);
    calls.push({ name: match[1]!, input: code.slice(begin, end - 1) });
  }
  return calls;
};

const faultOf = (base: string, first: string, calls: readonly Call[]): string | undefined => {
  const aborts = (input: string): boolean => /\babort: true\b/.test(input);
  let isBounded = aborts(first);
  let hasCheck = base !== 'string';
  for (const { name, input } of calls) {
    if (bounds.has(name) && !aborts(input)) return `.${name}() of a text does not end its checks`;
    if (forAnyLength.has(/^\w+/.exec(input)?.[0] ?? '')) continue;
    if (goesOn.has(name) && !isBounded) return `.${name}() sees texts of any length`;
    if (isBehind.has(name) && !hasCheck) return `.${name}() sees texts of any length`;
    hasCheck ||= bounds.has(name) || name === 'regex';
    isBounded ||= aborts(input);
  }
  return undefined;
};

/**
 * Texts of callers and of other services that reach a function before their length is checked. A check of zod goes on after a failed `max`.
 * See docs/decisions/0396.
 */
export const boundedTextFaults = (files = readCode()): string[] =>
  [...files]
    .filter(([path]) => path !== home && !path.startsWith(ofOperator) && !listsOfNames.has(path))
    .flatMap(([path, code]) =>
      [...code.matchAll(bases)].flatMap((match) => {
        const start = match.index + match[0].length;
        const fault = faultOf(
          match.groups!['base']!,
          code.slice(start, endOf(code, start) - 1),
          callsFrom(code, start),
        );
        const line = code.slice(0, match.index).split('\n').length;
        return fault === undefined
          ? []
          : [
              `${path}:${line}: ${fault}. Begin with boundedText(max) of ${home}, or with a format that has abort: true.`,
            ];
      }),
    );
