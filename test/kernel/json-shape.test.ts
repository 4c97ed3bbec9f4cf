import test from 'ava';
import fc from 'fast-check';
import { describeJsonShapeFault, jsonShapeFault, type JsonShapeLimits } from '#src/kernel/requests/json-shape.ts';

const namesOf = (value: unknown): string[] =>
  typeof value !== 'object' || value === null
    ? []
    : [...(Array.isArray(value) ? [] : Object.keys(value)), ...Object.values(value).flatMap(namesOf)];

type Shape = { depth: number; values: number; items: number; members: number };

/** The same counts, taken from the parsed value. */
const shapeOf = (value: unknown): Shape => {
  if (typeof value !== 'object' || value === null) return { depth: 0, values: 1, items: 0, members: 0 };
  const children = Object.values(value).map(shapeOf);
  const max = (name: keyof Shape): number => Math.max(0, ...children.map((child) => child[name]));
  return {
    depth: 1 + max('depth'),
    values: 1 + children.reduce((sum, child) => sum + child.values, 0),
    items: Math.max(max('items'), Array.isArray(value) ? children.length : 0),
    members: Math.max(max('members'), Array.isArray(value) ? 0 : children.length),
  };
};

const text = fc.oneof(
  fc.jsonValue({ maxDepth: 6 }).map((value) => JSON.stringify(value)),
  fc.jsonValue({ maxDepth: 6 }).map((value) => JSON.stringify(value, undefined, '\t ')),
);
const faultOf = (json: string, limits: JsonShapeLimits) => jsonShapeFault(Buffer.from(json), limits);

test('the counts of the scanner are those of the parsed value', (t) => {
  fc.assert(
    fc.property(text, (json) => {
      const { depth, values, items, members } = shapeOf(JSON.parse(json));
      t.is(faultOf(json, { maxDepth: depth, maxValues: values, maxItems: items, maxMembers: members }), undefined);
      if (depth > 0) t.like(faultOf(json, { maxDepth: depth - 1 }), { limit: 'depth', max: depth - 1 });
      if (values > 1) t.deepEqual(faultOf(json, { maxDepth: 20, maxValues: values - 1 })?.limit, 'values');
      if (items > 0) t.deepEqual(faultOf(json, { maxDepth: 20, maxItems: items - 1 })?.limit, 'items');
      if (members > 0) t.deepEqual(faultOf(json, { maxDepth: 20, maxMembers: members - 1 })?.limit, 'members');
    }),
  );
});

test('different member names are counted, wherever they are', (t) => {
  const words = fc.array(fc.dictionary(fc.string({ maxLength: 6 }), fc.jsonValue({ maxDepth: 3 })), { maxLength: 12 });
  fc.assert(
    fc.property(words, fc.boolean(), (value, isWide) => {
      const json = JSON.stringify(value, undefined, isWide ? ' ' : undefined);
      const { size } = new Set(namesOf(JSON.parse(json)));
      t.is(faultOf(json, { maxDepth: 20, names: { maxNames: size, maxShapes: Infinity } }), undefined);
      if (size > 0)
        t.is(faultOf(json, { maxDepth: 20, names: { maxNames: size - 1, maxShapes: Infinity } })?.limit, 'names');
    }),
  );
});

test('a member name has at most 1,024 bytes, and a text may be longer', (t) => {
  for (const names of [undefined, { maxNames: 5, maxShapes: 5 }]) {
    const fault = (value: unknown) => faultOf(JSON.stringify(value), { maxDepth: 5, ...(names && { names }) });
    t.is(fault([{ ['n'.repeat(1_024)]: 'n'.repeat(5_000) }, 'n'.repeat(5_000)]), undefined);
    t.deepEqual(fault([1, { ['n'.repeat(1_025)]: 1 }]), { limit: 'name', max: 1_024, depth: 2 });
    t.is(fault({ ['\0'.repeat(171)]: 1 })?.limit, 'name', 'an escape has six bytes');
  }
});

test('a name that begins as the one before it, ends later or has an escaped quote is another name', (t) => {
  for (const other of ['ab', 'a', 'abcd', 'abc\\', 'abc"', 'abc"d', 'abd', '']) {
    const json = JSON.stringify([{ abc: 1 }, { [other]: 1 }, { abc: 2 }, { [other]: 2 }]);
    t.is(faultOf(json, { maxDepth: 5, names: { maxNames: 2, maxShapes: Infinity } }), undefined, json);
    t.is(faultOf(json, { maxDepth: 5, names: { maxNames: 1, maxShapes: Infinity } })?.limit, 'names', json);
  }
});

test('lists of numbers are counted wherever they begin in memory', (t) => {
  const number = fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constant('x,]é[Z{'));
  fc.assert(
    fc.property(fc.array(number, { maxLength: 60 }), fc.integer({ min: 0, max: 7 }), (list, offset) => {
      const json = Buffer.from(JSON.stringify({ list, next: [1] }));
      const bytes = new Uint8Array(json.length + offset).subarray(offset);
      bytes.set(json);
      const values = list.length + 4;
      t.is(jsonShapeFault(bytes, { maxDepth: 2, maxItems: Math.max(1, list.length), maxValues: values }), undefined);
      t.is(jsonShapeFault(bytes, { maxDepth: 2, maxValues: values - 1 })?.limit, 'values');
      if (list.length > 1) t.is(jsonShapeFault(bytes, { maxDepth: 2, maxItems: list.length - 1 })?.limit, 'items');
    }),
  );
});

test('brackets, commas and escaped quotes inside strings do not count', (t) => {
  t.is(faultOf('["[[[,,,{{{ \\" ,,, \\\\"]', { maxDepth: 1, maxItems: 1, maxValues: 2 }), undefined);
});

test('a text that is not JSON ends the scan', (t) => {
  for (const json of [']]]]', '"', '"\\', '{{{', ',,,,', '[}']) t.notThrows(() => faultOf(json, { maxDepth: 5 }));
});

test('the sentence for the caller names the limit', (t) => {
  t.is(describeJsonShapeFault({ limit: 'items', max: 100_000 }), 'A list of the body may have at most 100000 elements');
});

test('names that differ by escapes only are different names', (t) => {
  const letters = (number: number): string =>
    number
      .toString(2)
      .padStart(12, '0')
      .replaceAll('0', 'n')
      .replaceAll('1', String.raw`\n`);
  const namesUpTo = (count: number): string =>
    `{${Array.from({ length: count }, (_, number) => `"${letters(number)}":1`).join(',')}}`;
  t.is(Object.keys(JSON.parse(namesUpTo(500)) as object).length, 500);
  t.is(faultOf(namesUpTo(500), { maxDepth: 20, names: { maxNames: 500, maxShapes: Infinity } }), undefined);
  t.is(faultOf(namesUpTo(501), { maxDepth: 20, names: { maxNames: 500, maxShapes: Infinity } })?.limit, 'names');
});

test('beginnings of objects in different orders count, and objects in one order count once', (t) => {
  const object = (names: readonly string[]): string => `{${names.map((name) => `"${name}":[{"x":1}]`).join()}}`;
  const shapes = (objects: readonly string[][], maxShapes: number) =>
    faultOf(`[${objects.map(object).join()}]`, { maxDepth: 20, names: { maxNames: 100, maxShapes } })?.limit;
  // a, ab, abc, and x in the objects below.
  const usual = Array.from({ length: 500 }, () => ['a', 'b', 'c']);
  t.is(shapes(usual, 4), undefined);
  t.is(shapes(usual, 3), 'shapes');
  // ac is one more.
  const optional = usual.map((names, index) => (index % 2 === 0 ? names : ['a', 'c']));
  t.is(shapes(optional, 5), undefined);
  t.is(shapes(optional, 4), 'shapes');
  const letters = Array.from('abcdefghij');
  const turned = letters.map((_, index) => [...letters.slice(index), ...letters.slice(0, index)]);
  t.is(shapes([...turned, ...turned], 101), undefined);
  t.is(shapes([...turned, ...turned], 100), 'shapes');
});

test('the memory of objects, lists and numbered members is counted, and empty ones too', (t) => {
  const fits = (json: string, bytes: number): boolean =>
    faultOf(json, { maxDepth: 5, maxStructureBytes: bytes }) === undefined;
  const many = (element: string): string => `[${Array(100).fill(element).join()}]`;
  // An object or list, and its place in the list around it.
  for (const [element, each] of [
    ['{}', 64],
    ['[]', 40],
    ['[{}]', 104],
    ['{"a":1}', 72],
    ['{"35":1}', 360],
    [String.raw`{"\u0033":1}`, 360],
    ['{"a":1,"b":1,"c":1,"d":1,"35":1}', 176],
  ] as const) {
    t.true(fits(many(element), 100 * each + 64), element);
    t.false(fits(many(element), 99 * each), element);
  }
  t.true(fits('[1,2,3,"a"]', 40));
});
