import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/**
 * Maps each file to the files of the repository that it imports, including types. Paths are relative to the repository.
 */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/**
 * Matches `import ... from 'x'`, `export ... from 'x'`, `import 'x'` and `import('x')`. A regular expression is enough
 * because the formatter gives all imports the same form. Parsers of import graphs do not support TypeScript 7 yet; see
 * decision 0120.
 */
const specifier = /(?:\bfrom|\bimport|\bimport\()\s*'([#.][^']+)'/g;

const targetOf = (file: string, text: string): string =>
  text.startsWith('#') ? text.slice(1) : normalize(join(dirname(file), text));

export const readImportGraph = (): ImportGraph => {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.ts'], {
    encoding: 'utf8',
  });
  const files = listed.split('\n').filter((file) => file !== '' && existsSync(file));
  return new Map(
    files.map((file) => {
      const text = readFileSync(file, 'utf8');
      const targets = [...text.matchAll(specifier)].map((match) => targetOf(file, match[1]!));
      return [file, [...new Set(targets)].filter((target) => existsSync(target))];
    }),
  );
};

/** Returns each import cycle once, as the list of its files in order. */
export const findCircles = (graph: ImportGraph): string[][] => {
  const circles: string[][] = [];
  const finished = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    if (finished.has(file)) return;
    const from = path.indexOf(file);
    if (from >= 0) {
      circles.push([...path.slice(from), file]);
      return;
    }
    path.push(file);
    for (const target of graph.get(file) ?? []) visit(target);
    path.pop();
    finished.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return circles;
};

const importsIn = (circle: readonly string[]): string[] =>
  circle.slice(1).map((target, index) => `${circle[index]} ${target}`);

/**
 * The shortest circles, without those that share an import with a shorter one. One wrong import closes many circles, and
 * one message is enough for it.
 */
export const shortestCircles = (circles: readonly (readonly string[])[]): (readonly string[])[] => {
  const seen = new Set<string>();
  const kept: (readonly string[])[] = [];
  for (const circle of circles.toSorted((a, b) => a.length - b.length)) {
    const imports = importsIn(circle);
    if (!imports.some((one) => seen.has(one))) kept.push(circle);
    for (const one of imports) seen.add(one);
  }
  return kept;
};
