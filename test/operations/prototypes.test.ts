import test from 'ava';
import { prototypeFaults } from '../../scripts/check/code/prototypes.ts';

test('no object of the service inherits from an object of a request, a span or a metric', (t) => {
  t.deepEqual(prototypeFaults(), []);
});

test('an object that inherits from a context is found, with its line', (t) => {
  const code = 'const view = 1;\nconst view = Object.create(ctx, { req: { value: source } });\n';
  const [fault, ...more] = prototypeFaults(new Map([['src/a.ts', code]]));
  t.true(fault?.startsWith('src/a.ts:2: an object inherits from ctx.'), fault);
  t.deepEqual(more, []);
});

test('maps without a prototype and copies of a class are allowed', (t) => {
  const code = 'const map = Object.create(null);\nconst copy = Object.create(Object.getPrototypeOf(metric));\n';
  t.deepEqual(prototypeFaults(new Map([['src/a.ts', code]])), []);
});
