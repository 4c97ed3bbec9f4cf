import test from 'ava';
import * as fc from 'fast-check';
import { canonicalJson } from '#src/kernel/json/canonical-json.ts';
import { sameJson } from '#src/kernel/json/same-json.ts';

const value = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, 0, -0, 1, 'a', ''),
    fc.array(
      tie('value').filter((item) => item !== undefined),
      { maxLength: 3 },
    ),
    fc.dictionary(fc.constantFrom('a', 'b', '__proto__', 'constructor'), fc.option(tie('value'), { nil: undefined }), {
      maxKeys: 3,
    }),
  ),
})).value;

test('two values are the same if their canonical texts are the same', (t) => {
  fc.assert(
    fc.property(value, value, (one, other) => sameJson(one, other) === (canonicalJson(one) === canonicalJson(other))),
    { numRuns: 2_000 },
  );
  t.pass();
});

test('the order of members does not matter, that of items does, and an undefined member counts as absent', (t) => {
  t.true(sameJson({ a: 1, b: [{ c: 2, d: undefined }] }, { b: [{ c: 2 }], a: 1, e: undefined }));
  t.false(sameJson([1, 2], [2, 1]));
  t.false(sameJson({ a: 1 }, { a: 1, b: null }));
  t.false(sameJson({}, []));
  t.false(sameJson({ a: undefined }, { a: null }));
});
