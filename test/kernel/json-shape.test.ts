import test from 'ava';
import fc from 'fast-check';
import { describeJsonShapeFault, jsonShapeFault, type JsonShapeLimits } from '#src/kernel/requests/json-shape.ts';

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

test('brackets, commas and escaped quotes inside strings do not count', (t) => {
  t.is(faultOf('["[[[,,,{{{ \\" ,,, \\\\"]', { maxDepth: 1, maxItems: 1, maxValues: 2 }), undefined);
});

test('a text that is not JSON ends the scan', (t) => {
  for (const json of [']]]]', '"', '"\\', '{{{', ',,,,', '[}']) t.notThrows(() => faultOf(json, { maxDepth: 5 }));
});

test('the sentence for the caller names the limit', (t) => {
  t.is(describeJsonShapeFault({ limit: 'items', max: 100_000 }), 'A list of the body may have at most 100000 elements');
});
