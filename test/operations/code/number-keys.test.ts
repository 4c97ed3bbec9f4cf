import { readFileSync } from 'node:fs';
import test from 'ava';
import { findNumberKeys, numberKeyFaults } from '../../../scripts/check/code/number-keys.ts';

const numbers: readonly number[] = [1, 2];
const ids: readonly bigint[] = [1n, 2n];
const names: readonly string[] = ['a', 'b'];

/** The lines that end with a comment `number keys` must be found in this file, and no others. */
const kinds = [
  new Set(numbers), // number keys
  new Set(ids), // number keys
  new Set<number>(), // number keys
  new Map<bigint, string>(), // number keys
  new Map(numbers.map((number) => [number, 'a'])), // number keys
  Map.groupBy(numbers, (number) => number % 2), // number keys
  new Set(names),
  new Set<unknown>(),
  new Map<string, number>(),
  new Map(names.map((name, index) => [name, index])),
  Map.groupBy(names, (name) => name),
];

test('maps and sets with numbers as keys are found, with and without the type of their keys', (t) => {
  const path = 'test/operations/code/number-keys.test.ts';
  const marked = readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line, index) => (line.endsWith('// number keys') ? [index + 1] : []));
  t.is(marked.length, kinds.length - 5);
  t.deepEqual(
    findNumberKeys(path).map(({ line }) => line),
    marked,
  );
});

test('each map and set of the service whose keys are numbers has a reason', (t) => {
  t.deepEqual(numberKeyFaults(), []);
});

test('more and fewer maps than have a reason are faults', (t) => {
  const found = [
    { path: 'src/a.ts', line: 3 },
    { path: 'src/a.ts', line: 5 },
  ];
  t.deepEqual(numberKeyFaults(found, { 'src/a.ts': { count: 2, because: 'constants' } }), []);
  const [more, ...others] = numberKeyFaults(found, {});
  t.true(more?.startsWith('src/a.ts: 2 Maps and Sets have numbers as keys (lines 3, 5), and 0 have a reason.'), more);
  t.deepEqual(others, []);
  t.is(numberKeyFaults([], { 'src/a.ts': { count: 1, because: 'constants' } }).length, 1);
});
