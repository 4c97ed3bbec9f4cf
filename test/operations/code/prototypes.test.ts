import test from 'ava';
import { prototypeFaults } from '../../../scripts/check/code/prototypes.ts';

test('no object of the service inherits from an object of a request, a span or a metric', (t) => {
  t.deepEqual(prototypeFaults(), []);
});

const inheriting = [
  'const view = Object.create(ctx, { req: { value: source } });',
  'Object.setPrototypeOf(view, ctx);',
  'Reflect.setPrototypeOf(platform, ctx);',
  'const view = { __proto__: ctx };',
];
for (const line of inheriting) {
  test(`an object that inherits from a context is found, with its line: ${line}`, (t) => {
    const [fault, ...more] = prototypeFaults(new Map([['src/a.ts', `const a = 1;\n${line}\n`]]));
    t.true(fault?.startsWith('src/a.ts:2: an object inherits from ctx.'), fault);
    t.deepEqual(more, []);
  });
}

test('a name that begins like an allowed one is found', (t) => {
  t.is(prototypeFaults(new Map([['src/a.ts', 'Object.create(platformRequest);']])).length, 1);
});

test('maps without a prototype and copies of a class are allowed', (t) => {
  const code = 'const map = Object.create(null);\nconst copy = Object.create(Object.getPrototypeOf(metric));\n';
  t.deepEqual(prototypeFaults(new Map([['src/a.ts', code]])), []);
});
